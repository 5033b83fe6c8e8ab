"""Several followers as one component of a process, each in its own thread."""

import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from txplatform.following.follower import Follower
from txplatform.health import Health


class SideBySide:
    """Runs followers in parallel, so that no follower delays another."""

    def __init__(self, name: str, followers: Sequence[Follower]) -> None:
        self.name = name
        self._followers = followers

    def run(self, stop: threading.Event) -> None:
        """Run until `stop` is set; if a follower fails without retrying, stop all followers."""
        with ThreadPoolExecutor(len(self._followers), thread_name_prefix=self.name) as threads:
            running = [threads.submit(follower.run, stop) for follower in self._followers]
            try:
                for ended in as_completed(running):
                    ended.result()
            finally:
                stop.set()

    def health(self) -> Health:
        """Return the combined health, which is ready if every follower is ready."""
        healths = {follower.name: follower.health() for follower in self._followers}
        return Health(
            all(health.ready for health in healths.values()),
            "; ".join(f"{name}: {health.detail}" for name, health in healths.items()),
            {name: health.figures for name, health in healths.items()},
        )
