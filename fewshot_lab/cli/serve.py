"""The app and its long work: serve, jobs."""

import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from fewshot_lab.cli.options import ProjectName, answer, app, open_project, option
from fewshot_lab.cli.reporting import table, tell
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.files import expanded


@app.command()
def serve(
    port: Annotated[
        int | None, option("The first free one from 8501 by default.", min=1, max=65535)
    ] = None,
    host: Annotated[
        str, option("The address to listen on; 0.0.0.0 lets other machines in.")
    ] = "localhost",
    allow_host: Annotated[
        list[str] | None,
        option(
            "A host name under which the app may be opened, as behind a proxy; may be repeated. "
            "Default: this machine's names and numeric addresses."
        ),
    ] = None,
    import_root: Annotated[
        list[Path] | None,
        option(
            "A folder that images may be imported from; may be repeated. Default: everything that "
            "the user who runs this may read."
        ),
    ] = None,
    sign_in: Annotated[
        str | None,
        option(
            "How people sign in: accounts (made by 'accounts invite'), proxy (a proxy in front of "
            "this server signs them in) or openid (OpenID Connect). By default nobody signs in.",
            metavar="accounts|proxy|openid",
        ),
    ] = None,
    no_sign_in: Annotated[bool, option("Let other machines in although nobody signs in.")] = False,
    proxy_header: Annotated[
        str | None,
        option(
            "The header in which the proxy names the person (X-Forwarded-User).", metavar="NAME"
        ),
    ] = None,
    trusted_proxy: Annotated[
        list[str] | None,
        option("The proxy's numeric address; may be repeated.", metavar="ADDRESS"),
    ] = None,
    openid_secrets: Annotated[
        Path | None, option("The file with the provider's address and the client's secret.")
    ] = None,
    openid_claim: Annotated[
        str | None, option("The claim that is used as the name (email).", metavar="CLAIM")
    ] = None,
    idle_minutes: Annotated[
        int | None,
        option("Sign people out after so many minutes without activity (30).", min=1, max=720),
    ] = None,
    log_file: Annotated[
        Path | None,
        option("Also log to this file; it rotates at 10 MiB, five older ones stay."),
    ] = None,
) -> None:
    """Start the app in the browser."""
    from fewshot_lab import accounts
    from fewshot_lab.home import home as home_folder
    from fewshot_lab.images import set_import_roots
    from fewshot_lab.jobs import clear_drops
    from fewshot_lab.project import folders

    if log_file is not None:
        os.environ["FEWSHOT_LAB_LOG"] = str(expanded(log_file).absolute())
    for folder in folders(None):
        clear_drops(folder)  # of imports that were killed
    if import_root:
        set_import_roots(import_root)
    if sign_in is None and (trusted_proxy or openid_secrets):
        sign_in = "proxy" if trusted_proxy else "openid"
    variables = {
        "SIGN_IN": sign_in,
        "NO_SIGN_IN": "1" if no_sign_in else None,
        "PROXY_HEADER": proxy_header,
        "TRUSTED_PROXY": " ".join(trusted_proxy) if trusted_proxy else None,
        "OPENID_SECRETS": openid_secrets and str(expanded(openid_secrets).absolute()),
        "OPENID_CLAIM": openid_claim,
        "IDLE_MINUTES": idle_minutes and str(idle_minutes),
    }
    os.environ |= {f"FEWSHOT_LAB_{name}": value for name, value in variables.items() if value}
    settings = accounts.sign_in()
    if settings.way == "proxy":
        # The address that counts is the socket's, not one that a header tells.
        os.environ["FORWARDED_ALLOW_IPS"] = ""
    accounts.check_exposure(settings, host)

    root = Path(__file__).resolve().parents[2]
    script = root / "app.py"
    if not script.is_file():
        raise FewshotLabError(
            f"app.py is not in {root}: 'serve' needs a checkout of the project, not only the "
            "installed package."
        )
    os.environ["FEWSHOT_LAB_HOME"] = str(home_folder())
    port = _free_port(host, port)
    url = f"http://{host}:{port}"
    tell({"url": url, "home": str(home_folder())}, f"Projects in {home_folder()}.")
    sys.stdout.flush()
    options = ["--server.port", str(port), "--server.address", host]
    if settings.secrets is not None:
        options += ["--secrets.files", str(settings.secrets)]
    if allow_host:
        for name in ("localhost", "127.0.0.1", "::1", host, *allow_host):
            options += ["--server.allowedHosts", name]
    _become_streamlit(script, options)


def _become_streamlit(script: Path, options: list[str]) -> NoReturn:
    """Run Streamlit in place of this process, or where that cannot be, beneath it."""
    command = [sys.executable, "-m", "streamlit", "run", str(script), *options]
    os.chdir(script.parent)  # where Streamlit looks for .streamlit/config.toml
    if os.name == "posix":
        if answer().as_json:
            os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # stdout holds the object alone
        os.execv(sys.executable, command)
    raise typer.Exit(subprocess.call(command, stdout=sys.stderr if answer().as_json else None))


def _free_port(host: str, wanted: int | None) -> int:
    """Return a port that nothing listens on."""
    import socket

    for port in range(8501, 8601) if wanted is None else (wanted,):
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
            if os.name == "posix":  # elsewhere the option means that a port may be shared
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
            except OSError as error:
                if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                    raise FewshotLabError(f"{host!r} is not an address of this machine.") from None
                continue
            return port
    if wanted is None:
        raise FewshotLabError("All ports from 8501 to 8600 are taken: name another by --port.")
    raise FewshotLabError(f"Port {wanted} is taken: name another by --port.")


@app.command()
def jobs(
    project: ProjectName,
    stop: Annotated[str | None, option("Stop this one.", metavar="ID")] = None,
) -> None:
    """List the jobs of a project, the newest first."""
    from dataclasses import asdict

    from fewshot_lab.jobs import list_jobs

    with open_project(project) as opened:
        every = list_jobs(opened.folder)
    if stop is not None:
        chosen = next((job for job in every if job.id == stop), None)
        if chosen is None:
            ids = ", ".join(job.id for job in every) or "none"
            raise FewshotLabError(f"There is no job {stop!r}; there are: {ids}.")
        chosen.stop()
        tell({"stopped": stop}, f"{stop} was asked to stop.")
        return
    states = [(job, job.status()) for job in every]
    result = {
        "jobs": [{"id": job.id, "verb": job.verb, **asdict(status)} for job, status in states]
    }
    if not every:
        tell(result, "There are no jobs.")
        return
    rows = [
        [
            job.id,
            status.state,
            f"{status.stage or ''} {status.done:,}"
            + (f" of {status.total:,}" if status.total else ""),
            status.message or "",
        ]
        for job, status in states
    ]
    tell(result, table(["job", "state", "progress", "message"], rows))
