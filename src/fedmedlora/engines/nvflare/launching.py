"""How a site starts the process of a job."""

from pathlib import Path
from typing import Any

from nvflare.apis.fl_constant import FLContextKey, FLMetaKey, JobConstants
from nvflare.apis.fl_context import FLContext
from nvflare.apis.job_launcher_spec import JobHandleSpec, JobReturnCode
from nvflare.app_common.job_launcher.client_process_launcher import ClientProcessJobLauncher


class SiteLauncher(ClientProcessJobLauncher):
    """Starts the process, and does not let its end be the end of the others' job.

    NVFLARE fails a job for all where the process of one site ends badly. Here the coordinator
    notices that the site is silent, and goes on with the others.
    """

    def launch_job(self, job_meta: dict[str, Any], fl_ctx: FLContext) -> JobHandleSpec:
        """Return the started process."""
        workspace = fl_ctx.get_prop(FLContextKey.WORKSPACE_OBJECT)
        run = Path(workspace.get_run_dir(job_meta[JobConstants.JOB_ID]))
        return _Handle(super().launch_job(job_meta, fl_ctx), run / FLMetaKey.PROCESS_RC_FILE)


class _Handle(JobHandleSpec):
    def __init__(self, handle: JobHandleSpec, written: Path) -> None:
        super().__init__()
        self._handle, self._written = handle, written

    def terminate(self) -> None:
        self._handle.terminate()

    def poll(self) -> int:
        code: int = self._handle.poll()
        return code if code == JobReturnCode.UNKNOWN else JobReturnCode.SUCCESS

    def wait(self) -> None:
        self._handle.wait()
        self._written.unlink(missing_ok=True)
