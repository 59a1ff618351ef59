"""What the schema cannot know of an entity, for the catalog and ``adjudge check`` alike; and what it names."""

from engine.zones import known_zone
from schemas.entities import Ad, Advertiser, Campaign, Conversion, Creative, Entity, LineItem
from schemas.errors import SchemaError

Key = tuple[str, str]  # kind, id


def check_entity(entity: Entity) -> None:
    """Raise SchemaError for a time zone that is none.

    Nothing else is left to check: flights and dayparts that the schema takes compile in every zone (``schedule.py``), and
    what is wrong with a condition is found where it is read (``targeting/condition.py``).
    """
    if isinstance(entity, (Advertiser, Campaign)) and entity.timezone is not None and not known_zone(entity.timezone):
        problem = f"{entity.timezone!r} is not a time zone"
        raise SchemaError("timezone", problem, "use an IANA name such as Europe/Berlin")


def references_of(entity: Entity) -> tuple[tuple[str, Key], ...]:
    """Field and address of every entity that this one names; a line item's campaign is the first."""
    if isinstance(entity, Ad):
        return ("line_item_id", ("line_item", entity.line_item_id)), ("creative_id", ("creative", entity.creative_id))
    if isinstance(entity, LineItem):
        campaign = "campaign_id", ("campaign", entity.campaign_id)
        deals = [(f"deal_ids[{index}]", ("deal", deal)) for index, deal in enumerate(entity.deal_ids)]
        if conversion := entity.pricing.conversion_id:
            return campaign, *deals, ("pricing.conversion_id", ("conversion", conversion))
        return campaign, *deals
    if isinstance(entity, (Campaign, Creative, Conversion)):
        return (("advertiser_id", ("advertiser", entity.advertiser_id)),)
    return ()
