"""Limits that messages are checked against, each with its unit in its name (D11).

The limits of decisions stand in ``engine/limits.py``; the money limits here are multiplied there by a test that
shows that int64 holds every product (docs/auctions.md, Numbers).
"""

# Scales of the integer fields.
PPB = 1_000_000_000  # one, in parts per 10^9: of probabilities and exchange rates
PPM = 1_000_000  # one, in parts per 10^6: of effects, quality and user value
DAY_MS = 86_400_000  # milliseconds of a day

# Money.
AMOUNT_MICROS_MAX = 1_000_000_000_000  # a bid: 1,000,000.00 of a currency
BUDGET_MICROS_MAX = 9_000_000_000_000_000  # a budget: in nanos still an int64
RATE_PPB_MAX = 1_000_000 * PPB  # an exchange rate: a million to one
FLOOR_CPM_MICROS_MAX = 9_000_000_000  # a floor of a policy or a deal, as a CPM
BIDFLOOR_CPM_MAX = 9_000_000_000  # `bidfloor` of an imp or its deal, in units of whatever currency
USER_VALUE_CPM_MICROS_MAX = 9_000_000_000  # `user_value_cpm_micros` of a policy
USER_VALUE_PPM_MAX = 10 * PPM  # `user_value_max_ppm` of a policy, and the greatest user value
DECIMAL_CHARS_MAX = 64  # characters of a decimal number: exact arithmetic on a quarter of a million takes seconds
DECIMAL_EXPONENT_MAX = 999_999  # its power of ten, either sign

# Topics.
TOPIC_NAME_CHARS_MAX = 249  # characters of a topic's name: Kafka's own limit
TOPIC_INPUT_BYTES_MAX = 1_048_576  # bytes of a batch of records of an input topic, such as `requests`
TOPIC_BROADCAST_BYTES_MAX = 2_097_152  # bytes of a batch of updates or controls: an entity may have 1 MiB
TOPIC_OUTPUT_BYTES_MAX = 4_194_304  # bytes of a batch of results, impressions, costs, dead letters or replies
TOPIC_JOURNAL_BYTES_MAX = 16_777_216  # bytes of a batch of the journal: an entry may carry a whole state

# Sizes of messages.
REQUEST_BYTES_MAX = 262_144  # bytes of a request and its key
REQUEST_LIST_MAX = 5_000  # values of any one list of a request: conditions may look at each
ENTITY_BYTES_MAX = 1_048_576  # bytes of an entity
CONTROL_BYTES_MAX = 1_048_576  # bytes of a control
JSON_DEPTH_MAX = 128  # levels of objects and lists in a request, an entity or a control
PLAIN_DEPTH_MAX = 32  # levels of objects and lists in a condition before it is read as one; the engine reads fewer
FIELD_SHOWN_CHARS_MAX = 80  # characters of the name of an unknown field, in its error; no field of ours has so many
DECIMAL_SHOWN_CHARS_MAX = 40  # characters of a text that is no decimal number, in its error
DEAD_LETTER_TEXT_BYTES_MAX = 1_000  # bytes of a text in a dead letter's headers; the rest is cut away

# Fields of requests.
IMPS_MAX = 100  # imps of a request; how many of them take part is SLOTS_MAX
NATIVE_TEXTS_KEPT = 1_024  # native requests as text that are kept once read: a feed asks in few different words
NATIVE_TEXT_KEPT_CHARS_MAX = 16_384  # characters of such a text with its version; a longer one is read each time
IMP_SIZES_MAX = 100  # sizes (`format`) of a banner; each is compared with every creative
IMP_VALUES_MAX = 100  # values of a list of numbers or media types of an imp, such as `battr`
IMP_ASSETS_MAX = 100  # assets of a native request; each is compared with every creative
IMP_DEALS_MAX = 1_000  # deals of an imp
DEAL_NAMES_MAX = 1_000  # `wseat`, and `wadomain`, of a deal of an imp
REQUEST_ID_CHARS_MAX = 256  # characters of a request id
ID_TOKENS_MAX = 10_000  # tokens of a request that cannot be read, among which its id is looked for
POSITION_MAX = 1_000_000  # highest feed position; they count from 0

# Fields of entities.
DSA_NAME_CHARS_MAX = 100  # characters of `behalf` and `paid` of an advertiser's `dsa`; a longer name is not said
NAME_CHARS_MAX = 256  # characters of a name
TEXT_CHARS_MAX = 4_096  # characters of a text
URL_CHARS_MAX = 4_096  # characters of a URL
MARKUP_CHARS_MAX = 262_144  # characters of a format's markup
FLIGHTS_MAX = 100  # flights of a campaign
DAYPARTS_MAX = 50  # dayparts of a campaign
FREQUENCY_CAPS_MAX = 20  # frequency caps of a campaign or line item
FORMATS_MAX = 20  # formats of a creative
ASSETS_MAX = 30  # assets of a native format
VIDEO_FILES_MAX = 20  # files of a video: the same one in several sizes, types and bitrates
VIDEO_DURATION_S_MAX = 86_400  # seconds of a video
VIDEO_TRACKERS_MAX = 50  # video trackers of an ad, all events together
BITRATE_KBPS_MAX = 1_000_000  # kbit/s of a file of a video
LABELS_MAX = 20  # labels of an entity
CATEGORIES_MAX = 100  # categories of an entity
DOMAINS_MAX = 50  # domains of an entity
DEALS_MAX = 100  # deals of a line item
SEATS_MAX = 1_000  # seats of a deal
TRACKERS_MAX = 20  # trackers of a kind of an ad
ATTRIBUTES_MAX = 100  # attributes of a creative
WEIGHT_MAX = 1_000_000  # weight of an ad
WINDOW_S_MAX = 366 * 86_400  # seconds of a window, such as a frequency cap's: 366 days

# Controls.
EXCLUSION_LABELS_MAX = 62  # exclusion labels of a policy: one bit each in an int64
POSITION_EFFECTS_MAX = 64  # position effects of a billing event
POLICIES_MAX = 64  # policies at a time, beside `default`; a request may have to ask them all
POLICY_FLOORS_MAX = 200  # floors of a policy
POLICY_TERMS_MAX = 5_000  # paths, operators and groups in all conditions of a policy; about 4 us each to read
POLICY_VALUES_MAX = 50_000  # values in all conditions of a policy
POLICY_PATTERNS_MAX = 20  # regular expressions in all conditions of a policy: each is asked of every request
POLICY_RATES_MAX = 200  # exchange rates of a policy
BLOCKED_MAX = 100_000  # names in a list of `blocked`
GROUP_VALUES_MAX = 100_000  # values of a saved group, within CONTROL_BYTES_MAX: 25,000 ids of 36 characters
GROUPS_MAX = 64  # saved groups at a time: a request is looked for in each that a path's conditions name
GROUPS_VALUES_MAX = 1_000_000  # values of all saved groups together: about 130 MB of a process
POSITION_GAP_MAX = 1_000  # `position_gap_min` of a policy
MODEL_VALUES_MAX = 100_000  # values, and weights, of a model
MODEL_WEIGHT_MAX = 1_000_000_000  # micro-logits of a weight or bias of a model: 1,000 logits decide everything
VCG_NODES_SETTING_MAX = 100_000  # `vcg_nodes_max` of the control `limits`: about 1 s of a request that needs them all
TCF_VENDOR_ID_MAX = 65_535  # `tcf_vendor_id` of the control `limits`: sixteen bits in a TCF string
