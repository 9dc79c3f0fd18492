"""What goes over ssh in `tfunnel run`, as an ordinary user, with a real sshd at the far end. The host is known by a file
of root's in /etc/ssh/ssh_config.d alone."""

import os
import shutil
import subprocess

import isolation
import netlab
import pytest
import topology

CAPTURES = False

SETTINGS = "/etc/ssh/ssh_config.d/20-host.conf"


@pytest.fixture(name="far_home", autouse=True)
def _far_home(lab, runs, commands, keys, tmp_path):
    """A directory of the far end, behind the Host `host` of the system's settings."""
    commands.start_sshd()
    key = os.path.join(runs.work, "key")
    shutil.copy(os.path.join(keys, "user_key"), key)
    os.chmod(key, 0o600)
    if runs.user:
        os.chown(key, isolation.USER_ID, isolation.USER_ID)
    os.makedirs(os.path.dirname(SETTINGS), exist_ok=True)
    isolation.write_private(SETTINGS, f"""Host host
  HostName {topology.FAR_MGMT[4]}
  Port {topology.SSH_PORT}
  User {isolation.USER}
  IdentityFile {key}
  IdentitiesOnly yes
  BatchMode yes
  StrictHostKeyChecking no
  UserKnownHostsFile /dev/null
  LogLevel ERROR
""")
    folder = tmp_path / "far"
    folder.mkdir()
    yield str(folder)
    os.remove(SETTINGS)


def shell(runs, script, **more):
    """Ends with the first command that fails."""
    done = runs.run("sh", "-ec", script, **more)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_git_clones_and_pushes(runs, far_home):
    subprocess.run(["git", "init", "-q", "--bare", "-b", "main", f"{far_home}/project.git"], check=True)
    pushed = shell(runs, f"""git clone -q host:{far_home}/project.git copy; cd copy
git -c user.name=x -c user.email=x@example.test commit -q --allow-empty -m first; git push -q origin HEAD:main
git ls-remote origin main""")
    assert pushed.split()[-1] == "refs/heads/main"


def test_scp_and_rsync_copy_both_ways(runs, far_home):
    shell(runs, f"""mkdir -p tree/below; head -c 3000000 /dev/urandom > tree/below/file; ln -s below/file tree/link
scp -q tree/below/file host:{far_home}/by-scp; rsync -rlpt tree/ host:{far_home}/by-rsync/
scp -q host:{far_home}/by-scp back; rsync -rlpt host:{far_home}/by-rsync/ tree-back
cmp back tree/below/file; cmp back tree-back/link; test -L tree-back/link""")
    assert os.path.getsize(os.path.join(far_home, "by-rsync", "below", "file")) == 3000000


def test_one_connection_is_shared_by_a_master(runs):
    """Its socket lies in the user's directory, and its process outlives the ssh that made it."""
    said = shell(runs, """ssh -o ControlMaster=auto -o ControlPath=$PWD/socket -o ControlPersist=yes host 'echo $SSH_CONNECTION'
ssh -o ControlPath=$PWD/socket -O check host 2>&1 | cut -d' ' -f1,2
ssh -o ControlPath=$PWD/socket host 'echo $SSH_CONNECTION'""")
    first, check, second = said.splitlines()
    assert first == second and check == "Master running"


def test_agent_of_the_outside_signs_inside(lab, runs):
    """Its socket is a path, and its user the same."""
    agent = os.path.join(runs.work, "agent")
    key = os.path.join(runs.work, "key")
    holder = lab.client.start([*runs.user, "ssh-agent", "-D", "-a", agent], name="ssh-agent")
    netlab.wait_until(lambda: os.path.exists(agent), what="the agent")
    added = lab.client.run([*runs.user, "ssh-add", "-q", key], env={**os.environ, "SSH_AUTH_SOCK": agent})
    assert added.returncode == 0
    os.rename(key, key + ".away")
    os.rename(key + ".away", os.path.join(runs.directory, "key"))
    said = shell(runs, f"export SSH_AUTH_SOCK={agent}; ssh -o IdentitiesOnly=no host echo signed")
    assert said == "signed\n"
    holder.terminate()


def test_mosh_talks_over_udp(runs):
    """mosh-server answers from a port that it chooses. A terminal is what `script` gives it."""
    inner = "stty rows 24 cols 80; mosh --no-ssh-pty --predict=never --bind-server=any host -- sh -c 'echo over-udp:$((6*7)); sleep 1'"
    done = runs.run("script", "-qefc", inner, "/dev/null", stdin=subprocess.PIPE, timeout=60)
    assert "over-udp:42" in done.stdout, done.stdout + done.stderr
