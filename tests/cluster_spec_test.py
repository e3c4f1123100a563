import json

from absl.testing import absltest, parameterized

from tf1_sampled.checks import InputError
from tf1_sampled.cluster import spec

_PS, _WORKERS = ["a:1", "b:2"], ["c:3", "d:4", "[::1]:5"]


def _read(*arguments, **options):
    return spec.read_cluster(*arguments, **dict({"environment": {}}, **options))


def _tf_config(**config):
    return {"TF_CONFIG": json.dumps(config)}


class ReadClusterTest(parameterized.TestCase):

    def test_without_hosts_there_is_no_cluster(self):
        self.assertIsNone(_read())
        self.assertIsNone(_read(environment={"TF_CONFIG": " "}))

    def test_chief_worker_and_server_have_their_address_and_device(self):
        chief, worker, ps = (_read(_PS, _WORKERS, job, index)
                             for job, index in (("worker", 0), ("worker", 2), ("ps", 1)))
        self.assertEqual([(c.is_ps, c.is_chief, c.address, c.device) for c in (chief, worker, ps)], [
            (False, True, "c:3", "/job:worker/task:0"), (False, False, "[::1]:5", "/job:worker/task:2"),
            (True, False, "b:2", "/job:ps/task:1")])
        self.assertEqual((chief.ps_hosts, chief.worker_hosts, chief.is_sync),
                         (tuple(_PS), tuple(_WORKERS), False))
        self.assertTrue(_read(_PS, _WORKERS, "ps", 0, True).is_sync)

    @parameterized.parameters(
        ("worker", 1, "worker", 1, _WORKERS), ("ps", 0, "ps", 0, _WORKERS))
    def test_tf_config_gives_the_same_cluster_as_arguments(self, job, index, wanted_job, wanted_index,
                                                           workers):
        got = _read(environment=_tf_config(cluster={"ps": _PS, "worker": workers},
                                           task={"type": job, "index": index}))
        self.assertEqual(got, _read(_PS, workers, wanted_job, wanted_index))

    @parameterized.parameters(("chief", 0, 0), ("worker", 0, 1), ("worker", 1, 2))
    def test_the_chief_of_tf_config_is_the_first_worker(self, job, index, wanted):
        got = _read(environment=_tf_config(
            cluster={"ps": _PS, "chief": _WORKERS[:1], "worker": _WORKERS[1:]},
            task={"type": job, "index": index}))
        self.assertEqual(got, _read(_PS, _WORKERS, "worker", wanted))

    def test_tf_config_of_one_machine(self):
        self.assertIsNone(_read(environment=_tf_config(cluster={"worker": ["a:1"]},
                                                       task={"type": "worker", "index": 0})))

    def test_arguments_have_priority_over_tf_config(self):
        environment = _tf_config(cluster={"ps": ["x:1"], "worker": ["y:1"]})
        self.assertEqual(_read(_PS, _WORKERS, "ps", 0, environment=environment),
                         _read(_PS, _WORKERS, "ps", 0))

    @parameterized.parameters(
        ([[], [], "ps"], {}, "^cluster: --ps_hosts, --worker_hosts: wanted hosts with a job"),
        ([[], [], None, 0], {}, "wanted hosts with a job or a task"),
        ([[], [], None, None, True], {}, "^cluster: --sync: wanted the hosts of a cluster"),
        ([_PS, [], "ps", 0], {}, r"^cluster: --worker_hosts: wanted at least one host:port, got \[\]"),
        ([[], _WORKERS, "worker", 0], {}, r"^cluster: --ps_hosts: wanted at least one host:port, got"),
        ([["a"], _WORKERS, "ps", 0], {}, "^cluster: --ps_hosts: wanted host:port, got 'a'"),
        ([_PS, ["c:70000"], "ps", 0], {}, "^cluster: --worker_hosts: wanted host:port, got 'c:70000'"),
        ([_PS, ["a:1"], "ps", 0], {},
         r"^cluster: --ps_hosts, --worker_hosts: wanted each host:port once, got \['a:1'\]"),
        ([_PS, _WORKERS, "chief", 0], {}, "^cluster: --job_name: wanted one of ps, worker, got 'chief'"),
        ([_PS, _WORKERS], {}, "^cluster: --job_name: wanted one of ps, worker, got None"),
        ([_PS, _WORKERS, "ps", 2], {}, "^cluster: --task_index: wanted an integer from 0 to 1, got 2"),
        ([_PS, _WORKERS, "worker"], {}, "^cluster: --task_index: wanted an integer from 0 to 2, got N"),
        ([], {"TF_CONFIG": "{"}, 'TF_CONFIG: wanted JSON with "cluster" and "task", got: Expecting'),
        ([], {"TF_CONFIG": "[]"}, 'TF_CONFIG: wanted JSON with "cluster"'),
        ([], _tf_config(cluster={"ps": 7}), 'TF_CONFIG: wanted JSON with "cluster"'),
        ([], _tf_config(cluster={}, task={"type": "evaluator"}),
         'wanted a "type" among chief, ps, worker'),
        ([], _tf_config(cluster={"ps": _PS, "worker": _WORKERS}, task={"type": "ps", "index": 9}),
         "^TF_CONFIG: task_index: wanted an integer from 0 to 1, got 9"))
    def test_invalid_clusters_are_errors_that_name_the_argument(self, arguments, environment, message):
        with self.assertRaisesRegex(InputError, message):
            _read(*arguments, environment=environment)


if __name__ == "__main__":
    absltest.main()
