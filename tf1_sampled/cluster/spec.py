"""The parameter servers (ps) and workers of a training on many machines, and their addresses.

    cluster = read_cluster(["10.0.0.1:2222"], ["10.0.0.2:2222", "10.0.0.3:2222"], "worker", 0)
    cluster.is_chief

A parameter server holds variables, and a worker trains. The first worker is the chief, which also writes
checkpoints, evaluates and exports. TensorFlow is not imported, so that errors are reported at once.
"""
import collections
import json
import os

from tf1_sampled import checks
from tf1_sampled.cluster import addresses

JOBS = ("ps", "worker")


class Cluster(collections.namedtuple("Cluster", "ps_hosts worker_hosts job_name task_index is_sync")):
    """The addresses of a cluster, and the role of this process.

      ps_hosts, worker_hosts: tuples of "host:port".
      job_name: "ps" or "worker", the job of this process.
      task_index: integer, the index of this process in its job, from 0.
      is_sync: boolean, whether steps are synchronous.
    """

    @property
    def is_ps(self):
        return self.job_name == "ps"

    @property
    def is_chief(self):
        return self.job_name == "worker" and self.task_index == 0

    @property
    def address(self):
        """Return the "host:port" of this process."""
        return (self.ps_hosts if self.is_ps else self.worker_hosts)[self.task_index]

    @property
    def device(self):
        """Return the device string of this process."""
        return "/job:%s/task:%d" % (self.job_name, self.task_index)


def read_cluster(ps_hosts=(), worker_hosts=(), job_name=None, task_index=None, is_sync=False,
                 environment=os.environ):
    """Return the Cluster of the arguments, or of the environment's TF_CONFIG if they name no hosts.

    Args:
      ps_hosts, worker_hosts: lists of "host:port".
      job_name: "ps", "worker" or None.
      task_index: integer or None.
      is_sync: boolean, whether steps are synchronous.
      environment: dict. TF_CONFIG is JSON, as for TensorFlow's estimators: {"cluster": {"ps": [...],
        "worker": [...], "chief": [...]}, "task": {"type": "worker", "index": 0}}. A chief becomes the
        first worker.

    Returns:
      Cluster, or None if there are no hosts.

    Raises:
      InputError: a missing or inconsistent value. The error names arguments as flags of the programs.
    """
    where, flag = "cluster", "--"
    if not ps_hosts and not worker_hosts:
        named = job_name is not None or task_index is not None
        checks.argument(not named, where, "--ps_hosts, --worker_hosts", "hosts with a job or a task",
                        "none")
        text = environment.get("TF_CONFIG", "")
        if not text.strip():
            checks.argument(not is_sync, where, "--sync", "the hosts of a cluster", "none")
            return None
        ps_hosts, worker_hosts, job_name, task_index = _of_tf_config(text)
        where, flag = "TF_CONFIG", ""
        if not ps_hosts and len(worker_hosts) < 2:  # one machine
            return None
    for name, hosts in (("ps_hosts", ps_hosts), ("worker_hosts", worker_hosts)):
        checks.argument(hosts, where, flag + name, "at least one host:port", list(hosts))
        for host in hosts:
            checks.argument(addresses.split(host), where, flag + name, "host:port", host)
    everyone = list(ps_hosts) + list(worker_hosts)
    twice = [host for host, number in collections.Counter(everyone).items() if number > 1]
    checks.argument(not twice, where, "%sps_hosts, %sworker_hosts" % (flag, flag), "each host:port once",
                    twice)
    checks.one_of(where, flag + "job_name", job_name, JOBS)
    number = len(ps_hosts if job_name == "ps" else worker_hosts)
    checks.argument(isinstance(task_index, int) and 0 <= task_index < number, where, flag + "task_index",
                    "an integer from 0 to %d" % (number - 1), task_index)
    return Cluster(tuple(ps_hosts), tuple(worker_hosts), job_name, task_index, is_sync)


def _of_tf_config(text):
    """Return (ps_hosts, worker_hosts, job_name, task_index) of the text of TF_CONFIG."""
    wanted = 'JSON with "cluster" and "task"'
    try:
        config = json.loads(text)
        hosts = {job: [str(host) for host in config.get("cluster", {}).get(job, [])]
                 for job in ("ps", "worker", "chief", "master")}
        task = config.get("task", {})
        job, index = task.get("type", "worker"), int(task.get("index", 0))
    except (ValueError, AttributeError, TypeError, RecursionError) as e:
        raise checks.InputError("TF_CONFIG: wanted %s, got: %s" % (wanted, e)) from e
    chiefs = hosts["chief"] + hosts["master"]
    checks.argument(job in ("ps", "worker", "chief", "master"), "TF_CONFIG", "task",
                    'a "type" among chief, ps, worker', job)
    if job == "worker":
        index += len(chiefs)
    return hosts["ps"], chiefs + hosts["worker"], "ps" if job == "ps" else "worker", index
