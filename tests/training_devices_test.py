import os
import unittest
from unittest import mock

import tensorflow.compat.v1 as tf
from absl.testing import absltest, parameterized

from tf1_sampled import InputError
from tf1_sampled.training import devices


class ChosenTest(parameterized.TestCase):

    def _chosen(self, num_gpus, *arguments, **options):
        with mock.patch.object(devices, "num_gpus", return_value=num_gpus), \
                mock.patch.object(devices, "num_cores", return_value=3):
            return devices.chosen(*arguments, **options)

    @parameterized.parameters(
        ("auto", 0, 1e8, 0, ("CPU", 3, False)), ("auto", 0, 1e8, 1, ("GPU", 1, True)),
        ("auto", 0, 1e5, 1, ("CPU", 3, False)), ("auto", 5, 1e5, 1, ("CPU", 5, False)),
        ("cpu", 0, 1e8, 1, ("CPU", 3, False)), ("gpu", 0, 1e5, 1, ("GPU", 1, True)),
        ("gpu", 1, 1e5, 2, ("GPU", 1, True)), ("gpu", 4, 1e5, 1, ("GPU", 4, False)))
    def test_the_device_depends_on_gpus_and_size(self, name, threads, num_numbers, num_gpus, wanted):
        self.assertEqual(self._chosen(num_gpus, name, threads, num_numbers), wanted)

    def test_a_cluster_has_no_gpu(self):
        self.assertEqual(self._chosen(1, "auto", 2, 1e8, allows_gpu=False), ("CPU", 2, False))
        wanted = "device: wanted auto or cpu, as a cluster trains on CPUs, got 'gpu'"
        with self.assertRaisesRegex(InputError, wanted):
            self._chosen(1, "gpu", 2, 1e8, allows_gpu=False)

    def test_errors(self):
        wanted = "device: wanted auto or cpu, as TensorFlow sees no GPU, got 'gpu'"
        with self.assertRaisesRegex(InputError, wanted):
            self._chosen(0, "gpu", 0, 1e8)
        with self.assertRaisesRegex(InputError, "device: wanted one of auto, cpu, gpu, got 'tpu'"):
            self._chosen(0, "tpu", 0, 1e8)

    @parameterized.parameters((("CPU", 1), "CPU, 1 thread"), (("CPU", 4), "CPU, 4 threads"),
                              (("GPU", 1), "GPU"), (("GPU", 1, True), "GPU, compiled by XLA"))
    def test_descriptions(self, device, wanted):
        self.assertEqual(devices.Device(*device).description, wanted)


class SessionConfigTest(absltest.TestCase):

    def test_a_step_stays_in_its_thread_where_threads_call(self):
        for threads, wanted in ((None, (0, 0)), (1, (1, -1)), (4, (1, -1))):
            config = devices.session_config(threads)
            self.assertTrue(config.allow_soft_placement)
            self.assertEqual((config.intra_op_parallelism_threads, config.inter_op_parallelism_threads),
                             wanted)

    def test_a_training_on_the_cpu_sees_no_gpu(self):
        config = devices.Device("CPU", 2).session_config()
        self.assertEqual(config.device_count["GPU"], 0)
        self.assertEqual(config.inter_op_parallelism_threads, -1)

    def test_gpu_memory_grows_on_demand(self):
        config = devices.Device("GPU", 1).session_config()
        self.assertTrue(config.allow_soft_placement)
        self.assertTrue(config.gpu_options.allow_growth)
        self.assertNotIn("GPU", config.device_count)


class NumCoresTest(absltest.TestCase):

    @unittest.skipUnless(hasattr(os, "sched_getaffinity"), "all cores are the process's")
    def test_cores_are_those_that_the_process_may_use(self):
        self.assertEqual(devices.num_cores(), len(os.sched_getaffinity(0)))
        with mock.patch.object(os, "sched_getaffinity", return_value={0, 3, 5}):
            self.assertEqual(devices.num_cores(), 3)

    def test_cores_where_affinity_is_not_supported(self):
        with mock.patch.object(os, "sched_getaffinity", create=True):
            del os.sched_getaffinity
            for count, cores in ((7, 7), (None, 1)):
                with mock.patch.object(os, "cpu_count", return_value=count):
                    self.assertEqual(devices.num_cores(), cores)


class NumGpusTest(absltest.TestCase):

    def test_gpus_are_those_that_tensorflow_sees(self):
        with mock.patch.object(tf.config.experimental, "list_physical_devices",
                               side_effect=lambda kind: {"GPU": ["a", "b"]}[kind]):
            self.assertEqual(devices.num_gpus(), 2)


if __name__ == "__main__":
    absltest.main()
