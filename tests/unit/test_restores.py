"""When a shard was restored often enough: for one request that fails, never for brokers that falter."""

from consumers.restores import RESTORES_MAX, Restores


def failed(restores: Restores, *offsets: int, of_request: bool = True) -> Restores:
    for offset in offsets:
        restores.failed(offset, of_request=of_request)
    return restores


def test_three_at_one_offset_are_enough_and_fewer_or_elsewhere_are_not() -> None:
    restores = failed(Restores(), *[7] * (RESTORES_MAX - 1))
    assert not restores.are_enough(7)
    assert failed(restores, 7).are_enough(7)
    assert not restores.are_enough(8)


def test_a_failure_elsewhere_begins_anew() -> None:
    assert failed(Restores(), 7, 7, 9, 9).count == 2
    assert not failed(Restores(), 7, 7, 9, 7, 7).are_enough(7)


def test_a_request_that_is_passed_is_forgotten() -> None:
    restores = failed(Restores(), 7, 7)
    restores.committed(8)
    assert not failed(restores, 7).are_enough(7)


def test_a_tick_that_comes_before_the_request_again_does_not_clear_it() -> None:
    """Else a poison request that takes longer to fetch than a tick takes to come would be tried for ever."""
    restores = Restores()
    for _ in range(RESTORES_MAX):
        assert not restores.are_enough(7)
        restores.committed(7)
        failed(restores, 7)
    assert restores.are_enough(7)


def test_a_failure_of_a_tick_is_over_with_the_next_commit() -> None:
    restores = Restores()
    for _ in range(10 * RESTORES_MAX):
        failed(restores, 7, of_request=False)
        restores.committed(7)
    assert restores.count == 0
    assert failed(restores, 7, 7, 7, of_request=False).are_enough(7)
