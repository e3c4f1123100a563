"""Combine simultaneous calls into one call of a function of a list.

    batches = MicroBatches(lambda numbers: [n * n for n in numbers], most=64)
    await batches.call(3)           # 9

While a thread works on a batch, new calls gather for the next batch. A single call does not wait.
"""
import asyncio
import collections
import concurrent.futures


class MicroBatches:
    """A function of a list that is called with single arguments.

    Args:
      function: function of a list of arguments -> a list of as many results; runs in threads.
      most: integer, the largest number of arguments in a batch.
      num_threads: integer, the number of simultaneous batches.
    """

    def __init__(self, function, most, num_threads=1):
        self._function, self._most, self._num_threads = function, most, num_threads
        self._waiting = collections.deque()  # (argument, future)
        self._num_running = 0
        self._threads = concurrent.futures.ThreadPoolExecutor(num_threads)

    def __len__(self):
        """Return the number of arguments that wait for a batch."""
        return len(self._waiting)

    async def call(self, argument):
        """Return the result for an argument.

        Raises:
          Exception: the exception of the function for this argument alone.
        """
        future = asyncio.get_event_loop().create_future()
        self._waiting.append((argument, future))
        if self._num_running < self._num_threads:
            self._num_running += 1
            asyncio.ensure_future(self._run())
        return await future

    def close(self):
        """Let each thread end after its batch."""
        self._threads.shutdown(wait=False)

    async def _run(self):
        """Work on batches until no argument waits."""
        try:
            while self._waiting:
                batch = [self._waiting.popleft() for _ in range(min(self._most, len(self._waiting)))]
                try:
                    await self._answer(batch)
                except Exception as e:
                    if len(batch) == 1:
                        _fail(batch[0][1], e)
                    else:  # call each alone to find the argument that failed
                        await self._answer_each(batch)
        finally:
            self._num_running -= 1

    async def _answer_each(self, batch):
        for one in batch:
            try:
                await self._answer([one])
            except Exception as e:
                _fail(one[1], e)

    async def _answer(self, batch):
        results = await asyncio.get_event_loop().run_in_executor(
            self._threads, self._function, [argument for argument, _ in batch])
        for (_, future), result in zip(batch, results):
            if not future.done():  # the caller may have cancelled it
                future.set_result(result)


def _fail(future, error):
    if not future.done():
        future.set_exception(error)
