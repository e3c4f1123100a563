"""Tests of calls that become batches: simultaneous calls, errors and cancelled calls."""
import asyncio
import threading

from absl.testing import absltest

from tf1_sampled.recsys.micro_batches import MicroBatches


class MicroBatchesTest(absltest.TestCase):

    def setUp(self):
        super().setUp()
        self.lists = []

    def squares(self, numbers):
        self.lists.append(list(numbers))
        return [100 // number for number in numbers]

    def run_all(self, numbers, most, **options):
        batches = MicroBatches(self.squares, most, **options)

        async def main():
            return await asyncio.gather(*map(batches.call, numbers), return_exceptions=True)

        try:
            return asyncio.run(main())
        finally:
            batches.close()

    def test_simultaneous_calls_become_batches(self):
        self.assertEqual([100 // n for n in range(1, 11)], self.run_all(range(1, 11), 4))
        self.assertEqual([4, 4, 2], [len(one) for one in self.lists])
        self.assertEqual(list(range(1, 11)), sum(self.lists, []))

    def test_single_call_does_not_wait(self):
        self.assertEqual([50], self.run_all([2], 4))

    def test_error_affects_only_its_own_call(self):
        got = self.run_all([1, 0, 4], 8)
        self.assertEqual((100, 25), (got[0], got[2]))
        self.assertIsInstance(got[1], ZeroDivisionError)
        self.assertEqual([[1, 0, 4], [1], [0], [4]], self.lists)
        self.assertIsInstance(self.run_all([0], 8)[0], ZeroDivisionError)

    def test_several_threads_run_batches_in_parallel(self):
        barrier = threading.Barrier(2, timeout=60)

        def together(numbers):
            barrier.wait()  # fails unless two batches run in parallel
            return numbers

        batches = MicroBatches(together, 1, num_threads=2)

        async def main():
            return await asyncio.gather(*map(batches.call, range(4)))

        self.assertEqual([0, 1, 2, 3], asyncio.run(main()))
        batches.close()

    def test_cancelled_call_does_not_affect_others(self):
        batches = MicroBatches(self.squares, 8)

        async def main():
            tasks = [asyncio.ensure_future(batches.call(number)) for number in (1, 2, 0)]
            await asyncio.sleep(0)
            tasks[0].cancel()
            tasks[2].cancel()
            return await tasks[1]

        self.assertEqual(50, asyncio.run(main()))
        batches.close()


if __name__ == "__main__":
    absltest.main()
