"""Every limit in one place, with its unit in its name (D11).

Those that messages are checked against, sizes and amounts, stand in ``schemas/limits.py``, and so do the scales.
Meeting a limit gives a reason or an error that names it, never a crash. ``tests/unit/test_limits.py``
multiplies the money limits and shows that int64 holds them.
"""

from schemas import limits as messages

# Money: int64 nanos. The money value of one impression, bid x probability, never exceeds this.
IMPRESSION_VALUE_NANOS_MAX = 9_000_000_000
BID_NANOS_MAX = IMPRESSION_VALUE_NANOS_MAX * messages.PPB  # of one event: a higher bid leaves no probability
RESERVE_NANOS_MAX = 9_000_000_000_000_000  # no ad is worth a thousandth of it
QUALITY_PPM_MIN = 100_000
QUALITY_PPM_MAX = 10_000_000
USER_VALUE_PPM_MIN = -messages.PPM

# Requests.
SLOTS_MAX = 8  # imps that take part in an auction
SEGMENTS_MAX = 5_000  # segment ids, and interests, of a request: some conditions look at each of them
KEYWORDS_MAX = 1_000
PRIVACY_STRING_CHARS_MAX = 16_384  # of a consent or GPP string; a longer one is unreadable
PRIVACY_STRINGS_KEPT = 1_024  # strings that are decoded once; a user brings the same with every page
AGE_YEARS_MAX = 120  # that a year of birth may give; beyond it nothing is known
DAYS_KEPT = 16  # whose year is remembered: a shard's clock stands on one for long
FIBONACCI_BITS_MAX = 24  # of a number in a GPP header: far above every section id
NATIVE_REQUESTS_KEPT = 1_024  # a feed asks with few different ones; what each needs is worked out once
FITS_KEPT = 4_096  # formats, for each shape of a slot that is kept: how they fit it
IMP_KINDS_KEPT = 256  # of a feed's imps and their shapes: each is worked out once. One may have 100 KB
OUTPUT_BYTES_MAX = 4_000_000  # of a record with its key: TOPIC_OUTPUT_BYTES_MAX less headers and the batch's own
MACROS_CHARS_MAX = 262_144  # of what macros are replaced by in one text of an ad; more is refused as too large
TEMPLATES_KEPT = 4_096  # texts of ads, taken apart at their macros once
TEMPLATE_KEPT_CHARS_MAX = 4_096  # longer ones are taken apart each time
SHOWN_ADS_KEPT = 2_048  # pairs of an ad and a kind of slot, which may have 100 KB: what every decision writes alike
DOCUMENT_KEPT_CHARS_MAX = 8_192  # of its markup; a longer one is written anew each time
TOKEN_CHARS_MAX = 4_096  # of an impression token that an engagement brings back
TOKEN_KEYS_KEPT = 4  # keys made ready to sign: a process has one
DRAW_KEYS_KEPT = 16  # hashes made ready to draw: a seed holds for long, and purposes are few

# Entities.
EXCLUSION_LABELS_PER_AD_MAX = 3

# Targeting conditions.
CONDITION_DEPTH_MAX = 10
CONDITION_TERMS_MAX = 500
CONDITION_VALUES_MAX = 10_000
CONDITION_INSTRUCTIONS_MAX = 8_192  # of the automata of all its patterns: a simple pattern has some 20
CONDITION_CLAUSES_MAX = 16  # of the disjunctive normal form that is indexed; what makes more is tested
CONDITION_PATH_CHARS_MAX = 200
CONDITION_SHOWN_CHARS_MAX = 120  # of a condition's part as people are shown it
CONDITION_SHOWN_VALUES_MAX = 20  # of a list in it: more are cut away anyhow
INDEX_DIGITS_MAX = 10  # of a part of a path that names an element of an array
PATTERN_CHARS_MAX = 500
PATTERN_MEMORY_BYTES_MAX = 65_536  # of a compiled pattern and its automaton
PATTERN_TEXT_CHARS_MAX = 4_096  # a pattern looks no further: the worst one found then takes 16 ms
NAMES_KEPT = 16_384  # sets of categories, domains or labels of ads, shared by the rows that have the same
PARTS_KEPT = 16_384  # kinds of assets of creatives (role, length, size, type), likewise
PATHS_KEPT = 4_096  # sets of paths that conditions read, for which it is remembered whether one is personal
CONDITION_PARTS_KEPT = 16_384  # tests of one path that conditions have in common, read once
CONDITION_PART_KEPT_BYTES_MAX = 128  # of JSON; longer ones are seldom the same in two conditions
PATTERN_TEXT_KEPT_CHARS_MAX = 128  # texts so long, that come again, are not searched again
VERSION_TEXT_CHARS_MAX = 256  # a comparison of versions looks no further
PATTERN_ANSWERS_KEPT = 16_384  # pairs of pattern and text
PATTERN_SET_INSTRUCTIONS_MAX = 1_024  # of the automata of patterns that are searched for together
PATTERN_SET_MEMORY_BYTES_MAX = 1_048_576  # of such a set and its automaton
PATTERN_SETS_KEPT = 64
PATTERN_SETS_AHEAD = 4  # of a path with as many, all are searched before a scan asks: 1 us each, being asked costs ten
PATTERN_SET_TEXT_CHARS_MAX = 512  # of a text that sets search: the worst set found took 60 us a character
VALUE_KEPT_CHARS_MAX = 256  # of a text for which an index keeps anything: addresses of pages do not come again
LOCATED_KEPT = 8_192  # values of requests for which an index keeps where they stand among those that conditions name
TEST_ANSWERS_KEPT_BYTES = 4_000_000  # answers to tests kept by an index, one byte each
SIGNATURES_AT_ONCE_MAX = 2_048  # kinds of formats that a new shape of slot is held against in one stretch, 1 us each
FORMATS_AT_ONCE_MAX = 16_384  # combinations of formats that are judged in one stretch, 1 us each
VERDICT_ROWS_MAX = 256  # of the latest things asked of a facet (sizes, blocked lists): more than a request has slots
POOL_ROWS_MIN = 1_024  # room for candidates at first: making more costs as much as finding them
POOL_ROWS_KEPT_MAX = 4_096  # a pool that grew beyond it leaves no room for the next
POOLS_KEPT = 40  # rooms for candidates that wait for the next request, more than twice STEP_REQUESTS; 90 MB at most
NEEDS_MAX = 256  # missing verdicts that a scan names at a time
INDEX_LANES_MAX = 128  # columns of constraints that are indexed; what further ones would hold is tested
NAMINGS_MIN = 8  # clauses that name a value, beyond which it has a finished row in the index
CLAUSES_PER_NAMING = 256  # one in so many, likewise: the row takes less than four times the memory of what it replaces
SLICE_NAMINGS = 20_000  # values in conditions that are indexed in one stretch
SLICE_ROW_BYTES = 4_000_000  # of finished rows that are made in one stretch
SLICE_RANGES = 2_000  # ranges in conditions that are indexed in one stretch

# Auctions.
VCG_NODES_MAX = 3_000  # nodes of the search; four slots took 700 at most, eight about 10 us each (D11: 50 ms)
RUNNERS_UP = 3
CHUNK_ROWS = 128  # rows scanned before an auction is run over the candidates, if one may change it
BLOCK_ROWS = 64  # rows that pass the gate of a scan before the first of them goes on
CHUNK_ROWS_SEARCHED = 1_024  # the same before VCG, which costs more than passing rows: a quarter less than with 256

# The catalog.
CATALOG_DELTA_ROWS_MAX = 256  # changed ads that every snapshot builds anew, before they are folded together
SNAPSHOT_ROWS_MAX = 1_024  # changed ads that every snapshot may have beside what is merged; more are folded first
MIDDLE_SHARE = 16  # the middle level is merged once it has more than one row for so many of the base
QUIET_SHARE = 1_000  # the same when no update comes: changed rows cost every decision further scans
SEGMENT_VERSIONS_KEPT = 2  # of a segment's view under a policy, or of a model, the newest first
BUILD_SLICE_ROWS = 100  # changed ads that are built in one stretch
PLACED_SLICE_ROWS = 10_000  # ads that are put in order in one stretch, which takes 10 ms
PASSED_SLICE_ROWS = 500_000  # values of columns that are passed in one stretch, which takes as long

# Shards.
STEP_REQUESTS = (
    16  # of which each step of deciding is taken in a row: warm code costs a seventh less, more gain nothing
)
DUPLICATE_WINDOW = 4_096  # request ids remembered by a shard to count repeated ones
PLACED_KEYS_MAX = 16_384  # keys whose partition is remembered, to spare hashing a frequent user again
PLACED_KEY_BYTES_MAX = 128  # longer keys are hashed each time
CHECKPOINT_AGE_MS_MAX = 6 * 3_600_000  # logical time after which an entry carries the state, however few came between
REPLY_PARTITION_MAX = 99_999
PROBLEM_CHARS_MAX = 1_000  # of what a refused request is told about its fault
CHECKPOINT_ENTRIES = 1_000  # every so many journal entries carry the whole state
DEAD_LETTER_BYTES_MAX = 900_000  # a larger value is written off as hash and origin
DEAD_LETTER_KEY_BYTES_MAX = 262_144  # a larger key is left out: compressed, one may be larger than any topic takes

# Audits.
VIOLATIONS_MAX = 1_000  # kept of one shard; further ones are only counted
