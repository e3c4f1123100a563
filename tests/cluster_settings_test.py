import json
import os
import subprocess
import sys
from unittest import mock

from absl.testing import absltest, parameterized

from tf1_sampled import InputError, settings
from tf1_sampled.cluster import spec
from tf1_sampled.cluster.settings import ClusterSettings
from tf1_sampled.programs import flags

_PS, _WORKERS = ("a:1", "b:2"), ("c:3",)


def _of_flags(*arguments):
    return flags.parse("run_x", ["run_x.py", *arguments], [ClusterSettings])[0]


class ClusterSettingsTest(parameterized.TestCase):

    def setUp(self):
        super().setUp()
        patch = mock.patch.dict(os.environ)
        patch.start()
        self.addCleanup(patch.stop)
        os.environ.pop("TF_CONFIG", None)

    def test_without_hosts_there_is_no_cluster(self):
        self.assertIsNone(ClusterSettings().cluster())
        self.assertIsNone(_of_flags().cluster())

    def test_a_cluster_of_settings(self):
        got = ClusterSettings(ps_hosts=list(_PS), worker_hosts="c:3", job_name="worker", task_index=0,
                              sync=True).cluster()
        self.assertEqual(got, spec.Cluster(_PS, _WORKERS, "worker", 0, is_sync=True))

    def test_a_cluster_of_flags(self):
        got = _of_flags("--ps_hosts=a:1,b:2", "--worker_hosts=c:3", "--job_name=ps", "--task_index=1")
        self.assertEqual(got.cluster(), spec.Cluster(_PS, _WORKERS, "ps", 1, is_sync=False))
        got = _of_flags("--ps_hosts=a:1,b:2", "--worker_hosts=c:3", "--job_name=ps", "--task_index=0",
                        "--sync")
        self.assertEqual(got.cluster(), spec.Cluster(_PS, _WORKERS, "ps", 0, is_sync=True))

    def test_a_cluster_of_the_environment(self):
        os.environ["TF_CONFIG"] = json.dumps({"cluster": {"ps": _PS, "worker": _WORKERS},
                                              "task": {"type": "worker", "index": 0}})
        self.assertEqual(_of_flags().cluster(), spec.Cluster(_PS, _WORKERS, "worker", 0, is_sync=False))
        self.assertEqual(_of_flags("--sync").cluster(),
                         spec.Cluster(_PS, _WORKERS, "worker", 0, is_sync=True))

    @parameterized.parameters(
        (["--job_name=chief"], "run_x: --job_name: wanted one of ps, worker, got 'chief'"),
        (["--task_index=-1"], "run_x: --task_index: wanted an integer of 0 or more, got -1"),
        (["--task_index=x"], "run_x: --task_index: wanted an integer of 0 or more, got 'x'"),
        (["--sync=7"], "run_x: --sync: wanted True or False, got '7'"))
    def test_an_invalid_flag_is_named(self, arguments, message):
        with self.assertRaises(InputError) as caught:
            _of_flags(*arguments)
        self.assertEqual(str(caught.exception), message)

    @parameterized.parameters(
        ({"task_index": 2}, "cluster: --task_index: wanted an integer from 0 to 1, got 2"),
        ({"worker_hosts": []}, "cluster: --worker_hosts: wanted at least one host:port, got []"),
        ({"ps_hosts": ["a"]}, "cluster: --ps_hosts: wanted host:port, got 'a'"),
        ({"job_name": None}, "cluster: --job_name: wanted one of ps, worker, got None"))
    def test_inconsistent_settings_are_named(self, changes, message):
        with self.assertRaises(InputError) as caught:
            ClusterSettings(**dict({"ps_hosts": _PS, "worker_hosts": _WORKERS, "job_name": "ps",
                                    "task_index": 0}, **changes)).cluster()
        self.assertEqual(str(caught.exception), message)

    def test_synchronous_steps_need_hosts(self):
        with self.assertRaisesRegex(InputError, "^cluster: --sync: wanted the hosts of a cluster"):
            ClusterSettings(sync=True).cluster()

    def test_any_of_them_may_change(self):
        for field in settings.fields_of(ClusterSettings):
            self.assertTrue(field.metadata["setting"].may_change, field.name)
            self.assertEqual(field.metadata["setting"].group, "cluster")

    def test_tensorflow_is_not_imported(self):
        code = ("import sys; from tf1_sampled.cluster.settings import ClusterSettings; "
                "ClusterSettings().cluster(); sys.exit('tensorflow' in sys.modules)")
        self.assertEqual(subprocess.call([sys.executable, "-c", code],
                                         env={"PYTHONPATH": ":".join(sys.path)}), 0)


if __name__ == "__main__":
    absltest.main()
