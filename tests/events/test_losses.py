from event_samples import AT, verdict

from safety.events.event import Gap, make_event, timestamp
from safety.events.losses import Loss, added

EARLY, LATE = (f"2026-11-23T10:00:0{second}.000000Z" for second in (1, 9))


def test_losses_add_up_over_their_whole_period():
    total = Loss(2, LATE, LATE, "disk full") + Loss(3, EARLY, EARLY, "locked")
    assert total == Loss(5, EARLY, LATE, "disk full")
    assert added(None, None) is None
    assert added(total, None) == added(None, total) == total


def test_the_loss_of_an_event_becomes_a_gap():
    loss = Loss.of(make_event(verdict(), at=AT), "disk full")
    at = timestamp(AT)
    assert loss.gap(id="gap.w.1", at=LATE, after="ff") == Gap("gap.w.1", LATE, 1, at, at, "disk full", "ff")
