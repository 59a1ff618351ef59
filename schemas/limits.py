"""Limits that messages are checked against, each with its unit in its name (D11).

The limits of decisions stand in ``engine/limits.py``; the money limits here are multiplied there by a test that
shows that int64 holds every product (docs/auctions.md, Numbers).
"""

# Scales of the integer fields.
PPB = 1_000_000_000
PPM = 1_000_000
DAY_MS = 86_400_000

# Money.
AMOUNT_MICROS_MAX = 1_000_000_000_000  # of a bid: 1,000,000.00 of a currency
BUDGET_MICROS_MAX = 9_000_000_000_000_000  # of a budget: in nanos still an int64
RATE_PPB_MAX = 1_000_000 * PPB
FLOOR_CPM_MICROS_MAX = 9_000_000_000  # of a policy or a deal
BIDFLOOR_CPM_MAX = 9_000_000_000  # of an imp or its deal, in whatever currency
USER_VALUE_CPM_MICROS_MAX = 9_000_000_000  # of a policy
USER_VALUE_PPM_MAX = 10 * PPM
DECIMAL_CHARS_MAX = 64  # of a decimal number as text: exact arithmetic on a quarter of a million digits takes seconds
DECIMAL_EXPONENT_MAX = 999_999  # of its size as a power of ten, either sign

# Topics.
TOPIC_NAME_CHARS_MAX = 249  # Kafka's own limit
TOPIC_INPUT_BYTES_MAX = 1_048_576  # of a batch of records that topics of requests and other inputs take
TOPIC_BROADCAST_BYTES_MAX = 2_097_152  # an entity may have 1 MiB, and its batch a header
TOPIC_OUTPUT_BYTES_MAX = 4_194_304
TOPIC_JOURNAL_BYTES_MAX = 16_777_216  # an entry that carries a whole state

# Messages.
REQUEST_BYTES_MAX = 262_144
REQUEST_LIST_MAX = 5_000  # of any one list of a request: conditions may look at each of its values
ENTITY_BYTES_MAX = 1_048_576
CONTROL_BYTES_MAX = 1_048_576
JSON_DEPTH_MAX = 128  # levels of objects and lists in a message
PLAIN_DEPTH_MAX = 32  # levels of objects and lists in a condition; the engine reads fewer
FIELD_SHOWN_CHARS_MAX = 80  # of the name of a field that is not known, in its error; no field of ours has so many
DECIMAL_SHOWN_CHARS_MAX = 40  # of a text that is no decimal number, likewise

# Requests.
IMPS_MAX = 100  # of a request; how many of them take part is a limit of decisions
NATIVE_TEXTS_KEPT = 1_024  # native requests as text that are read once; a feed asks in few different words
IMP_SIZES_MAX = 100  # of a banner; each is compared with every creative
IMP_VALUES_MAX = 100  # of a list of numbers or media types of an imp
IMP_ASSETS_MAX = 100  # of a native request; each is compared with every creative
IMP_DEALS_MAX = 1_000
DEAL_NAMES_MAX = 1_000  # seats, or domains, of a deal of an imp
REQUEST_ID_CHARS_MAX = 256
ID_TOKENS_MAX = 10_000  # of a request that cannot be read, among which its id is looked for
POSITION_MAX = 1_000_000  # feed positions count from 0

# Entities.
DSA_NAME_CHARS_MAX = 100  # who paid, on whose behalf: as much as the extension allows
NAME_CHARS_MAX = 256
TEXT_CHARS_MAX = 4_096
URL_CHARS_MAX = 4_096
MARKUP_CHARS_MAX = 262_144
FLIGHTS_MAX = 100
DAYPARTS_MAX = 50
FREQUENCY_CAPS_MAX = 20
FORMATS_MAX = 20
ASSETS_MAX = 30
VIDEO_FILES_MAX = 20  # of a video: the same one in several sizes, types and bitrates
VIDEO_DURATION_S_MAX = 86_400
VIDEO_TRACKERS_MAX = 50  # of an ad, all events together
BITRATE_KBPS_MAX = 1_000_000
LABELS_MAX = 20
CATEGORIES_MAX = 100
DOMAINS_MAX = 50
DEALS_MAX = 100
SEATS_MAX = 1_000
TRACKERS_MAX = 20
ATTRIBUTES_MAX = 100
WEIGHT_MAX = 1_000_000
WINDOW_S_MAX = 366 * 86_400

# Controls.
EXCLUSION_LABELS_MAX = 62  # of a policy: one bit each in an int64
POSITION_EFFECTS_MAX = 64
POLICIES_MAX = 64  # at a time, and the one named default; a request may have to ask them all
POLICY_FLOORS_MAX = 200
POLICY_TERMS_MAX = 5_000  # paths, operators and groups in all conditions of a policy; about 4 us each to read
POLICY_VALUES_MAX = 50_000  # values in all conditions of a policy
POLICY_PATTERNS_MAX = 20  # regular expressions in all conditions of a policy
POLICY_RATES_MAX = 200
BLOCKED_MAX = 100_000
GROUP_VALUES_MAX = 100_000  # of a saved group, within CONTROL_BYTES_MAX: 25,000 ids of 36 characters
GROUPS_MAX = 64  # saved groups at a time: a request is looked for in each that a path's conditions name
GROUPS_VALUES_MAX = 1_000_000  # of all saved groups together: about 130 MB of a process
POSITION_GAP_MAX = 1_000
MODEL_VALUES_MAX = 100_000
MODEL_WEIGHT_MAX = 1_000_000_000  # micro-logits: 1,000 logits decide everything
VCG_NODES_SETTING_MAX = 100_000  # the most that a control may ask for: about 1.2 s of a request that needs them all
TCF_VENDOR_ID_MAX = 65_535  # sixteen bits in a TCF string
DEAD_LETTER_TEXT_BYTES_MAX = 1_000  # of a text in a dead letter's headers; the rest is cut away
