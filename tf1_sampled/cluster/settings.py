"""The settings of a training on many machines."""
import dataclasses
from typing import Optional, Sequence

from tf1_sampled import settings
from tf1_sampled.cluster import spec
from tf1_sampled.settings import setting


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class ClusterSettings(settings.Settings):
    """The machines of a cluster, and the role of this process. TF_CONFIG is an alternative."""

    ps_hosts: Sequence[str] = setting(
        (), "host:port of each parameter server of a cluster. To start a cluster on this machine: "
        "python -m tf1_sampled.cluster.launch --help.", "cluster", may_change=True)
    worker_hosts: Sequence[str] = setting(
        (), "host:port of each worker. The first worker is the chief: only the chief writes to "
        "--model_dir, evaluates and exports.", "cluster", may_change=True)
    job_name: Optional[str] = setting(None, "Job of this process.", "cluster", choices=spec.JOBS,
                                      may_change=True)
    task_index: Optional[int] = setting(None, "Index of this process in its job, from 0.",
                                        "cluster", least=0, may_change=True)
    sync: bool = setting(
        False, "Synchronous steps, with the mean of the gradients of all workers. Otherwise each worker "
        "runs its own steps.", "cluster", may_change=True)

    def cluster(self) -> Optional[spec.Cluster]:
        """Return the cluster of these settings or of TF_CONFIG; None for a training on one machine.

        Raises:
          InputError: an error of spec.read_cluster.
        """
        return spec.read_cluster(self.ps_hosts, self.worker_hosts, self.job_name, self.task_index,
                                 is_sync=self.sync)
