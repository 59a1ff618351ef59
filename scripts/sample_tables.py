"""The sample world that the demo's catalog and its feed have in common: who lives where and likes what."""

from typing import NamedTuple


class Community(NamedTuple):
    """A place of the feed: its name, the content category of its pages and what its members like."""

    name: str
    category: str
    interests: tuple[str, ...]
    weight: float


class Country(NamedTuple):
    """ISO 3166-1 alpha-3 code, main language, time zone, offset from UTC in minutes, share of users."""

    code: str
    language: str
    zone: str
    utcoffset: int
    weight: float


class Device(NamedTuple):
    """OpenRTB device type, system and version, user agent, whether requests come from the app."""

    devicetype: int
    os: str
    osv: str
    ua: str
    app: bool
    weight: float


COMMUNITIES = (
    Community("cycling", "IAB17-3", ("cycling", "outdoors", "fitness"), 14),
    Community("cooking", "IAB8", ("cooking", "food", "home"), 13),
    Community("travel", "IAB20", ("travel", "outdoors", "photography"), 12),
    Community("games", "IAB9-30", ("games", "technology", "film"), 12),
    Community("cars", "IAB2", ("cars", "technology", "travel"), 9),
    Community("parenting", "IAB6", ("family", "home", "food"), 8),
    Community("finance", "IAB13", ("finance", "technology", "news"), 8),
    Community("fashion", "IAB18", ("fashion", "photography", "travel"), 7),
    Community("gardening", "IAB10-4", ("gardening", "home", "outdoors"), 6),
    Community("music", "IAB1-6", ("music", "film", "games"), 6),
    Community("wine", "IAB8-18", ("wine", "food", "travel"), 3),
    Community("local-news", "IAB12", ("news", "finance"), 2),
)
COMMUNITY_NAMES = tuple(community.name for community in COMMUNITIES)
INTERESTS = tuple(sorted({interest for community in COMMUNITIES for interest in community.interests}))
SEGMENTS = tuple(f"seg-{number:03d}" for number in range(120))
KEYWORDS = (
    "guide",
    "review",
    "beginner",
    "sale",
    "diy",
    "weekend",
    "budget",
    "luxury",
    "vintage",
    "election",
    "accident",
)

COUNTRIES = (
    Country("USA", "en", "America/New_York", -300, 34),
    Country("GBR", "en", "Europe/London", 0, 16),
    Country("DEU", "de", "Europe/Berlin", 60, 14),
    Country("CAN", "en", "America/Toronto", -300, 9),
    Country("FRA", "fr", "Europe/Paris", 60, 9),
    Country("ESP", "es", "Europe/Madrid", 60, 6),
    Country("AUS", "en", "Australia/Sydney", 660, 5),
    Country("IND", "en", "Asia/Kolkata", 330, 4),
    Country("BRA", "pt", "America/Sao_Paulo", -180, 3),
)
COUNTRY_CODES = tuple(country.code for country in COUNTRIES)

DEVICES = (
    Device(4, "iOS", "18.2", "Feed/9.1 (iPhone; iOS 18.2)", app=True, weight=26),
    Device(4, "Android", "15.0", "Feed/9.1 (Android 15; Pixel 9)", app=True, weight=22),
    Device(4, "Android", "12.1", "Mozilla/5.0 (Linux; Android 12; SM-A125F) Mobile", app=False, weight=14),
    Device(2, "Windows", "11.0", "Mozilla/5.0 (Windows NT 10.0; Win64; x64)", app=False, weight=18),
    Device(2, "macOS", "15.1", "Mozilla/5.0 (Macintosh; Intel Mac OS X 15_1)", app=False, weight=10),
    Device(5, "iPadOS", "17.6", "Feed/8.7 (iPad; iPadOS 17.6)", app=True, weight=7),
    Device(3, "Tizen", "8.0", "Mozilla/5.0 (SMART-TV; Linux; Tizen 8.0)", app=False, weight=3),
)
OPERATING_SYSTEMS = ("iOS", "Android", "Windows", "macOS", "iPadOS", "Tizen")

# What advertisers sell: exclusion label, category, interests it goes with.
INDUSTRIES = (
    ("auto", "IAB2", ("cars", "travel")),
    ("travel", "IAB20", ("travel", "outdoors", "photography")),
    ("food", "IAB8", ("food", "cooking", "home")),
    ("finance", "IAB13", ("finance", "news")),
    ("fashion", "IAB18", ("fashion", "photography")),
    ("games", "IAB9-30", ("games", "technology", "film")),
    ("electronics", "IAB19", ("technology", "music", "games")),
    ("sports", "IAB17", ("cycling", "fitness", "outdoors")),
    ("alcohol", "IAB8-5", ("wine", "food")),
    ("gambling", "IAB9-7", ("games", "news")),
    ("dating", "IAB14-1", ("music", "film")),
    ("home", "IAB10", ("home", "gardening", "family")),
)
RESTRICTED = ("alcohol", "gambling", "dating")

# Banner sizes that slots of the feed ask for, and how often.
DEALS = 8  # that the catalog has and the feed offers
BANNER_SIZES = (((300, 250), 50), ((320, 50), 20), ((728, 90), 12), ((320, 100), 10), ((160, 600), 8))
IMAGE_SIZES = ((1200, 628), (1200, 1200), (600, 314))

# A US dollar in units of each currency that advertisers hold, in thousandths; and how many hold it.
CURRENCIES = (("USD", 1_000, 60), ("EUR", 910, 25), ("GBP", 780, 15))
RATES_PPB = {"EUR": 1_100_000_000, "GBP": 1_280_000_000}
