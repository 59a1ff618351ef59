"""What the schema cannot know of an entity, for the catalog and ``adjudge check`` alike; and what it names."""

from collections.abc import Iterator

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


def references_of(entity: Entity) -> tuple[Key, ...]:
    """Address of every entity that this one names; a line item's campaign is the first."""
    if isinstance(entity, Ad):
        return ("line_item", entity.line_item_id), ("creative", entity.creative_id)
    if isinstance(entity, LineItem):
        campaign, conversion = ("campaign", entity.campaign_id), entity.pricing.conversion_id
        if not entity.deal_ids and not conversion:  # as most
            return (campaign,)
        deals = [("deal", deal) for deal in entity.deal_ids]
        return (campaign, *deals, ("conversion", conversion)) if conversion else (campaign, *deals)
    if isinstance(entity, (Campaign, Creative, Conversion)):
        return (("advertiser", entity.advertiser_id),)
    return ()


def named_references(entity: Entity) -> Iterator[tuple[str, Key]]:
    """The same, each with the field that names it."""
    for number, address in enumerate(references_of(entity)):
        kind, _ = address
        if kind == "deal":
            yield f"deal_ids[{number - 1}]", address  # behind the campaign
        else:
            yield "pricing.conversion_id" if kind == "conversion" else f"{kind}_id", address
