"""The app: ``streamlit run app.py``, or ``streamlit run app.py -- --home FOLDER``."""

import argparse
import os
import sys
from pathlib import Path

import streamlit as st
from starlette.middleware import Middleware

from fewshot_lab import accounts
from fewshot_lab.errors import FewshotLabError
from fewshot_lab.ui.on_error import show_error
from fewshot_lab.ui.openid import StreamlitOpenId
from fewshot_lab.web import Door, Identity, log_to_file, routes

arguments = argparse.ArgumentParser(prog="streamlit run app.py --", description=__doc__)
arguments.add_argument("--home", type=Path, help="the folder that holds the projects")
chosen, _ = arguments.parse_known_args(sys.argv[1:])
if chosen.home is not None:
    # By the environment, so that the jobs which the app starts look in the same place.
    os.environ["FEWSHOT_LAB_HOME"] = str(chosen.home.expanduser().absolute())

os.umask(os.umask(0o077) | 0o077)  # what is stored is nobody else's on this machine
log_to_file()

try:
    sign_in = accounts.sign_in()
    accounts.check_exposure(sign_in, st.get_option("server.address"))
except FewshotLabError as error:
    sys.exit(str(error))
base = st.get_option("server.baseUrlPath") or ""
openid = StreamlitOpenId() if sign_in.way == "openid" else None

app = st.App(
    "fewshot_lab/ui/main.py",
    routes=routes(base, openid.sign_in_url if openid else None),
    middleware=[
        Middleware(
            Door,
            hosts=st.get_option("server.allowedHosts"),
            address=st.get_option("server.address"),
        ),
        Middleware(Identity, settings=sign_in, base=base, openid=openid),
    ],
    on_script_error=show_error,
)
