import time
from pathlib import Path

from fedmedlora.engines.nvflare.roles import CoordinatorRole, SiteRole
from fedmedlora.engines.remote.messages import Message


class Echo:
    def answer(self, question, folder):
        files = {}
        for name, path in question.files.items():
            files[name] = path.rename(folder / name)
        return Message(question.subject, question.body, files)


def open_echo(kit):
    return Echo()


class EchoSite(SiteRole):
    def __init__(self):
        super().__init__(open_echo)


def lead(transport, settings):
    out = open(settings["log"], "a", 1)
    t0=time.time()
    while len(transport.sites()) < settings["sites"] and time.time()-t0<30:
        time.sleep(0.05)
    out.write(f"ready {sorted(transport.sites())} after {time.time()-t0:.2f}\n")
    path = Path(settings["file"])
    for i in range(settings["rounds"]):
        t=time.time()
        for site, answer in transport.ask({s: Message("echo", {"i": i}, {"w": path}) for s in transport.sites()}, wait_s=60.0, most_bytes=10**9):
            ok = isinstance(answer, Message) and answer.files["w"].read_bytes()==path.read_bytes() if i==0 else None
            out.write(f"  {site} {time.time()-t:.3f} {ok} {answer if not isinstance(answer, Message) else ''}\n")
            if isinstance(answer, Message):
                for p in answer.files.values(): p.unlink()
        out.write(f"round {i} {time.time()-t:.3f}\n")


class Lead(CoordinatorRole):
    def __init__(self, settings):
        super().__init__(lead, settings)
