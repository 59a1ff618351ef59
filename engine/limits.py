"""Every limit in one place, with its unit in its name (D11).

Those that messages are checked against, sizes and amounts, stand in ``schemas/limits.py``, and so do the scales.
Meeting a limit gives a reason or an error that names it, never a crash. ``tests/unit/test_limits.py``
multiplies the money limits and shows that int64 holds them.
"""

from schemas import limits as messages

# Money, in nanos of the policy's currency: int64.
IMPRESSION_VALUE_NANOS_MAX = 9_000_000_000  # value of one impression, bid x probability, which is capped for it
BID_NANOS_MAX = IMPRESSION_VALUE_NANOS_MAX * messages.PPB  # bid for one event; above it none has a probability
RESERVE_NANOS_MAX = 9_000_000_000_000_000  # a reserve; a higher floor is taken as this, far above any ad's worth
QUALITY_PPM_MIN = 100_000  # least quality weight
QUALITY_PPM_MAX = 10_000_000  # greatest quality weight
USER_VALUE_PPM_MIN = -messages.PPM  # least user value

# Requests.
SLOTS_MAX = 8  # imps of a request that take part in its auction; further ones stay empty (`slots_max`)
SEGMENTS_MAX = 5_000  # segment ids, and interests, of a request: conditions may look at each. More are refused
KEYWORDS_MAX = 1_000  # different keywords of a request; one with more is refused
PRIVACY_STRING_CHARS_MAX = 16_384  # characters of a consent or GPP string; a longer one is unreadable
PRIVACY_STRINGS_KEPT = 1_024  # decoded consent strings, and GPP strings: a user brings the same with every page
AGE_YEARS_MAX = 120  # age that a year of birth may give; beyond it nothing is known
DAYS_KEPT = 16  # days whose year is remembered: a shard's clock stands on one for long
FIBONACCI_BITS_MAX = 24  # bits of a number in a GPP header: far above every section id
NATIVE_REQUESTS_KEPT = 1_024  # native requests of which it is kept what each needs: a feed asks in few different ways
FITS_KEPT = 4_096  # formats, for each kind of imp that is kept, of which it is kept whether they fit
IMP_KINDS_KEPT = 256  # different imps of which it is kept what ads see of them; each takes up to 100 KB
IMP_KIND_KEPT_BYTES_MAX = 16_384  # bytes of JSON of such an imp; of a larger one all is worked out each time

# What is written.
OUTPUT_BYTES_MAX = 4_000_000  # bytes of a record with its key (topics take 4 MiB, headers and all); more is `too_large`
MACROS_CHARS_MAX = 262_144  # characters of what macros are replaced by in one text of an ad; more is `too_large`
TEMPLATES_KEPT = 4_096  # texts of ads that are kept taken apart at their macros
TEMPLATE_KEPT_CHARS_MAX = 4_096  # characters of such a text; a longer one is taken apart each time
SHOWN_ADS_KEPT = 2_048  # pairs of an ad and a kind of imp, up to 100 KB each: what every decision writes alike
DOCUMENT_KEPT_CHARS_MAX = 8_192  # characters of the markup kept with it; a longer one is written anew each time
TOKEN_CHARS_MAX = 4_096  # characters of an impression token that an engagement brings back
TOKEN_KEYS_KEPT = 4  # keys of tokens that are kept ready to sign: a process has one

# Entities.
EXCLUSION_LABELS_PER_AD_MAX = 3  # exclusion labels of an ad that count: the first in the policy's order
NAMES_KEPT = 16_384  # sets of categories, domains or labels of ads, shared by the ads that have the same
PARTS_KEPT = 16_384  # kinds of assets of creatives (role, length, size, type), likewise

# Targeting conditions.
CONDITION_DEPTH_MAX = 10  # levels of a condition
CONDITION_TERMS_MAX = 500  # paths, operators and groups of a condition
CONDITION_VALUES_MAX = 10_000  # values of a condition
CONDITION_INSTRUCTIONS_MAX = 8_192  # instructions of the automata of all its patterns: a simple pattern has some 20
CONDITION_CLAUSES_MAX = 16  # alternatives of a condition that are indexed; what makes more, the evaluator tests
CONDITION_PATH_CHARS_MAX = 200  # characters of a path
CONDITION_SHOWN_CHARS_MAX = 120  # characters of a condition's part as `adjudge why` shows it
CONDITION_SHOWN_VALUES_MAX = 20  # values of a list in it: more are cut away anyhow
INDEX_DIGITS_MAX = 10  # digits of a part of a path that names an element of an array
PATTERN_CHARS_MAX = 500  # characters of a pattern
PATTERN_MEMORY_BYTES_MAX = 65_536  # bytes of a compiled pattern and its automaton
PATTERN_TEXT_CHARS_MAX = 4_096  # characters of a text that a pattern looks at: the worst pattern found then takes 16 ms
PATHS_KEPT = 4_096  # sets of paths that conditions read, each kept once, and whether one is personal
MEMBERS_FEW_MAX = 8  # values of a condition's list that need no set to be looked for
CONDITION_PARTS_KEPT = 16_384  # tests of one path that conditions have in common, read once
CONDITION_PART_KEPT_BYTES_MAX = 128  # bytes of JSON of such a test; longer ones are seldom the same in two conditions
PATTERN_TEXT_KEPT_CHARS_MAX = 128  # characters of a text of which it is remembered whether a pattern is in it
VERSION_TEXT_CHARS_MAX = 256  # characters of a text that a comparison of versions looks at
PATTERN_ANSWERS_KEPT = 16_384  # pairs of pattern and text of which that is remembered
PATTERN_SET_INSTRUCTIONS_MAX = 1_024  # instructions of the automata of patterns that are searched for together
PATTERN_SET_MEMORY_BYTES_MAX = 1_048_576  # bytes of such a set; patterns that need more are searched for one by one
PATTERN_SETS_KEPT = 64  # such sets that are kept for the next version of the catalog
PATTERN_SETS_AHEAD = 4  # sets of a path, up to which all are searched before a scan asks: 1 us each, asking costs ten
PATTERNS_ALONE_MAX = 32  # patterns that a request's array is gone through for one by one; beyond, for all together
PATTERN_SET_TEXT_CHARS_MAX = 512  # characters of a text that sets search, up to 60 us each; beyond, by pattern
VALUE_KEPT_CHARS_MAX = 256  # characters of a text of which an index keeps anything: addresses of pages come once
LOCATED_KEPT = 8_192  # values of requests of which an index keeps where they stand among those that conditions name
TEST_ANSWERS_KEPT_BYTES = 4_000_000  # bytes of answers to tests that an index keeps, one byte each
INDEX_LANES_MAX = 128  # columns of a targeting index; what further ones would hold, the evaluator tests
NAMINGS_MIN = 8  # alternatives of conditions that name a value, beyond which the index keeps a finished row for it
CLAUSES_PER_NAMING = 256  # NAMINGS_MIN as a share, one in so many: the row takes less than four times what it replaces
SLICE_NAMINGS = 20_000  # values of conditions that are indexed in one stretch
SLICE_ROW_BYTES = 4_000_000  # bytes of finished rows that are made in one stretch
SLICE_RANGES = 2_000  # ranges of conditions that are indexed in one stretch

# Scans.
SIGNATURES_AT_ONCE_MAX = 2_048  # kinds of formats that a new shape of slot is held against in one stretch, 1 us each
FORMATS_AT_ONCE_MAX = 16_384  # combinations of formats that are judged in one stretch, 1 us each
VERDICT_ROWS_MAX = 256  # latest things asked of a facet (sizes, blocked lists) whose answers are kept
VERDICT_ROWS_MIN = 16  # VERDICT_ROWS_MAX of a facet of very many values: a request may ask a thing for each slot
VERDICT_KEY_BYTES_MAX = 16_384  # bytes of JSON of such a thing; of larger ones VERDICT_ROWS_MIN are kept: 1 MB each
VERDICT_TABLE_BYTES_MAX = 67_108_864  # bytes of the answers that a facet keeps, beyond VERDICT_ROWS_MIN of them
POOL_ROWS_MIN = 1_024  # candidates that there is room for at first; more room costs as much as finding them
POOL_ROWS_KEPT_MAX = 4_096  # candidates of a request whose room is kept for the next
POOLS_KEPT = 40  # such rooms of a process, more than twice STEP_REQUESTS: 90 MB at most
NEEDS_MAX = 256  # missing verdicts that a scan names at a time
BLOCK_ROWS = 64  # rows that pass the gate of a scan before the first of them goes on

# Auctions.
VCG_NODES_MAX = 3_000  # nodes of VCG's search, about 10 us each; then GSP runs. Control `limits`: `vcg_nodes_max`
RUNNERS_UP = 3  # runners-up of a slot that are told
CHUNK_ROWS = 128  # rows scanned before an auction is run over the candidates, if one may change it
CHUNK_ROWS_SEARCHED = 1_024  # CHUNK_ROWS of VCG, which costs more than passing rows: a quarter less than with 256
DRAW_KEYS_KEPT = 16  # keys of draws that are kept ready: a seed holds for long, and purposes are few

# The catalog.
CATALOG_DELTA_ROWS_MAX = 256  # changed ads that every snapshot builds anew, before they are folded together
SNAPSHOT_ROWS_MAX = 1_024  # changed ads that a snapshot may have beside what is merged; more are folded first
MIDDLE_SHARE = 16  # changed ads are merged once they are more than one in so many of all
QUIET_SHARE = 1_000  # MIDDLE_SHARE after a second without an update: changed ads cost every decision further scans
SEGMENT_VERSIONS_KEPT = 2  # versions of a policy, and of a model, of which a part of the catalog keeps its view
BUILD_SLICE_ROWS = 100  # changed ads that are built in one stretch
PLACED_SLICE_ROWS = 10_000  # ads that are put in order in one stretch, which takes 10 ms
PASSED_SLICE_ROWS = 500_000  # ads times columns that are passed in one stretch, which takes as long

# Shards.
STEP_REQUESTS = 16  # requests of a batch that take each step of deciding in a row; decides nothing, more gain nothing
STEP_READ_BYTES = 32_768  # bytes of requests that are read in one stretch: one of 256 KB may take 100 ms, sixteen 1.4 s
STEP_WRITTEN_BYTES = 262_144  # bytes of answers that are written in one stretch, likewise: ads may be 2 MB a request
DUPLICATE_WINDOW = 4_096  # request ids that a shard remembers to tell repeated ones
PLACED_KEYS_MAX = 16_384  # keys whose partition is remembered, to spare hashing a frequent user again
PLACED_KEY_BYTES_MAX = 128  # bytes of such a key; a longer one is hashed each time
CHECKPOINT_AGE_MS_MAX = 6 * 3_600_000  # logical time after which an entry carries the whole state
REPLY_PARTITION_MAX = 99_999  # highest partition of a reply topic
PROBLEM_CHARS_MAX = 1_000  # characters of what a refused request is told about its fault
CHECKPOINT_ENTRIES = 1_000  # journal entries from one that carries the whole state to the next
DEAD_LETTER_BYTES_MAX = 900_000  # bytes of a value that a dead letter keeps; of a larger one its hash and origin
DEAD_LETTER_KEY_BYTES_MAX = 262_144  # bytes of a key that a dead letter keeps: some, compressed, fit no topic

# Audits.
VIOLATIONS_MAX = 1_000  # violations that an audit keeps of a shard; further ones are counted
