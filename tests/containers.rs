//! Servers of images: what is told when they cannot run, and that nothing outlives a run, whichever of its processes is killed.
//!
//! What a cluster does in containers is shown by the families of scenarios, with `HARNESS_IMAGE` set.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use harness::provider::{self, ServerImage};
use harness::run;
use libtest_mimic::{Arguments, Failed, Trial};
use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid};

/// The image of the trials, if the environment names none: that of `fixtures/image/make`.
const FIXTURE: &str = "redis-harness-fixture:installed";

/// What a run leaves must be gone this soon.
const GONE_BOUND: Duration = Duration::from_secs(10);

/// How long a run may wait for the machine and then for its containers.
const TURN_BOUND: Duration = Duration::from_mins(15);

const POLL: Duration = Duration::from_millis(20);

fn main() -> ExitCode {
    run::enter_if_lab();
    let missing = provider::container_engine().err().map(|missing| missing.to_string());
    let missing = missing.or_else(|| ServerImage::find(&image()).err().map(|error| error.to_string()));
    if let Some(missing) = &missing {
        tell(&format!("what needs containers is ignored: {missing}; fixtures/image/make {FIXTURE}"));
    }
    let everywhere = [
        trial("no_engine_is_told_with_the_way_out", no_engine),
        trial("an_engine_elsewhere_is_refused", engine_elsewhere),
        trial("options_that_contradict_the_scenario_are_refused", contradictions),
    ];
    let in_containers = [
        trial("an_image_that_is_not_there_is_told_in_the_engines_words", no_such_image),
        trial("a_directive_that_the_image_refuses_is_told", refused_directive),
        trial("a_server_may_leave_root_and_evidence_is_still_ours", of_another_user),
        trial("a_host_of_two_nodes_loses_its_power", power_failure),
        trial("an_images_files_are_enough", image_files),
        trial("nothing_is_left_of_an_image_that_was_being_asked", asked_in_vain),
        trial("nothing_outlives_the_command", || outlived(Victim::Command)),
        trial("nothing_outlives_the_process_that_makes_the_lab", || outlived(Victim::Outer)),
        trial("nothing_outlives_the_lab", || outlived(Victim::Lab)),
    ];
    let in_containers = in_containers.into_iter().map(|trial| trial.with_ignored_flag(missing.is_some()));
    let shared = trial("servers_share_the_processors_with_the_harness", control_group)
        .with_ignored_flag(missing.is_some() || is_rootless());
    let trials = everywhere.into_iter().chain(in_containers).chain([shared]);
    libtest_mimic::run(&Arguments::from_args(), trials.collect()).exit_code()
}

fn trial(name: &str, run: fn() -> Result<(), Failed>) -> Trial {
    Trial::test(name, run)
}

#[expect(clippy::print_stderr, reason = "a test says why it is ignored")]
fn tell(text: &str) {
    eprintln!("{text}");
}

fn image() -> String {
    std::env::var("HARNESS_IMAGE").unwrap_or_else(|_| FIXTURE.to_owned())
}

/// The command in a directory of its own, without what the environment says of providers.
fn command(arguments: &[&str], directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_redis-harness"));
    command.args(arguments).current_dir(directory).env_remove("HARNESS_PROVIDER").env_remove("HARNESS_IMAGE");
    command
}

/// A scenario with this server, in a file.
fn scenario(directory: &Path, server: &str) -> Result<String, Failed> {
    let path = directory.join("scenario.ron");
    let text = format!(
        "(about: \"It runs for long.\", topology: Cluster(masters: 3, replicas: 1), server: ({server}), \
         timeline: [Run(for: \"5m\")], snapshot: false)"
    );
    std::fs::write(&path, text)?;
    Ok(path.display().to_string())
}

/// Whether it ended with this code, and said these parts on standard error.
fn told(output: &Output, code: i32, parts: &[&str]) -> Result<(), Failed> {
    let said = String::from_utf8_lossy(&output.stderr);
    let lacking = parts.iter().find(|part| !said.contains(**part));
    if output.status.code() == Some(code) && lacking.is_none() {
        return Ok(());
    }
    Err(format!("{}, and without {lacking:?}:\n{said}", output.status).into())
}

fn no_engine() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let path = scenario(directory.path(), "")?;
    let mut run = command(&["run", &path, "--image", "redis:7.4"], directory.path());
    let output = run.env("DOCKER_HOST", "unix:///no/such/socket").output()?;
    told(&output, 2, &["cannot reach a container engine", "there is no engine's socket", "apt-get install docker.io"])
}

fn engine_elsewhere() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let path = scenario(directory.path(), "")?;
    let mut run = command(&["run", &path, "--provider", "containers", "--image", "redis:7.4"], directory.path());
    let output = run.env("DOCKER_HOST", "tcp://192.0.2.1:2375").output()?;
    told(&output, 2, &["another machine", "DOCKER_HOST is tcp://192.0.2.1:2375", "unset DOCKER_HOST"])
}

fn contradictions() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let cases = [
        ("image: \"redis:7.4\"", &["--provider", "namespaces"][..], "A has the image redis:7.4"),
        (
            "",
            &["--provider", "namespaces", "--image", "redis:7.4"],
            "the image redis:7.4 takes the provider containers",
        ),
        ("binary: \"redis-server\"", &["--image", "redis:7.4"], "A has the binary redis-server"),
        ("", &["--provider", "image-rootfs"], "no image is named"),
        ("", &["--provider", "containers"], "no image is named"),
        ("nodes: {\"B\": (image: \"redis:7.4\")}", &[], "no image is named"),
    ];
    for (server, options, why) in cases {
        let path = scenario(directory.path(), server)?;
        let arguments: Vec<_> = ["check", &path].into_iter().chain(options.iter().copied()).collect();
        told(&command(&arguments, directory.path()).output()?, 3, &[why])?;
    }
    Ok(())
}

fn no_such_image() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let path = scenario(directory.path(), "image: \"registry.invalid/no-such:1\"")?;
    let output = command(&["check", &path], directory.path()).output()?;
    told(&output, 3, &["there is no image registry.invalid/no-such:1", "scenario.ron:1:"])
}

fn refused_directive() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let path = scenario(directory.path(), "config: {\"maxmemory\": \"much\"}")?;
    let output = command(&["check", &path, "--image", &image()], directory.path()).output()?;
    told(&output, 3, &["refuses `maxmemory much`", "scenario.ron:1:"])
}

/// As official images do. Sentinels replace their configuration, so they show who may write.
fn of_another_user() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("scenario.ron");
    let text = "(about: \"Sentinels write what they learn.\", topology: Sentinel(masters: 1, replicas: 1, sentinels: 1, quorum: 1), \
                timeline: [Until(condition: Settled, within: \"10s\")], snapshot: false)";
    std::fs::write(&path, text)?;
    let image = format!("{}-as-user", image());
    let arguments = ["run", &path.display().to_string(), "--image", &image, "--out", "out"];
    let output = command(&arguments, directory.path()).output()?;
    told(&output, 0, &[])?;
    let mut open = vec![directory.path().join("out")];
    while let Some(path) = open.pop() {
        let metadata = std::fs::symlink_metadata(&path)?;
        if metadata.uid() != geteuid().as_raw() {
            return Err(format!("{} belongs to user {}", path.display(), metadata.uid()).into());
        }
        if metadata.is_dir() {
            let entries = std::fs::read_dir(&path)?.map(|entry| entry.map(|entry| entry.path()));
            open.extend(entries.collect::<Result<Vec<_>, _>>()?);
        }
    }
    Ok(())
}

/// A server and a sentinel share a network; their disks have caches, in which they write as another user.
fn power_failure() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/sentinel/beside_power_off.ron");
    let image = format!("{}-as-user", image());
    told(&command(&["run", scenario, "--image", &image], directory.path()).output()?, 0, &[])
}

/// The same without a container of a node, of files that are unpacked for the first run only. What an earlier process left
/// half unpacked is removed after a later one.
fn image_files() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let scenario = concat!(env!("CARGO_MANIFEST_DIR"), "/../scenarios/sentinel/beside_power_off.ron");
    let (image, cache) = (format!("{}-as-user", image()), directory.path().join("redis-harness/images"));
    let cached = || -> Result<BTreeSet<_>, Failed> {
        Ok(std::fs::read_dir(&cache)?.map(|entry| Ok(entry?.file_name())).collect::<std::io::Result<_>>()?)
    };
    let run = || {
        let arguments = ["run", scenario, "--provider", "image-rootfs", "--image", &image];
        let mut run = command(&arguments, directory.path());
        told(&run.env("XDG_CACHE_HOME", directory.path()).output()?, 0, &[])
    };
    run()?;
    // The image and the lock.
    let unpacked = cached()?;
    std::fs::create_dir(cache.join("incomplete-left"))?;
    run()?;
    await_that(GONE_BOUND, || Ok(cached()? == unpacked))?;
    if unpacked.len() == 2 { Ok(()) } else { Err(format!("{unpacked:?}").into()) }
}

/// A rootless engine has only a part of the machine's control groups.
fn is_rootless() -> bool {
    docker(&["info", "--format", "{{.SecurityOptions}}"]).is_ok_and(|options| options.contains("name=rootless"))
}

/// A program that sees all processes of the lab finds the servers in its own control group as soon as the engine has told of them.
fn control_group() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("scenario.ron");
    let compare = "group() { grep -m1 -E ':(.*,)?cpu(,.*)?:' /proc/$1/cgroup || grep ^0: /proc/$1/cgroup; }; \
                   alike() { [ $(pgrep -c redis-server) = 3 ] && for pid in $(pgrep redis-server); do \
                   [ \"$(group $pid)\" = \"$(group self)\" ] || return 1; done; }; \
                   until alike; do sleep 0.05; done";
    let text = format!(
        "(about: \"A program looks at the servers.\", topology: Replication(replicas: 2), \
         load: [(name: \"app\", pace: Open(per_second: 10), mix: [Set(value: \"16B\")], keys: Uniform(10))], \
         timeline: [Program(from: \"app\", run: [\"sh\", \"-c\", {compare:?}], within: \"5s\")], snapshot: false)"
    );
    std::fs::write(&path, text)?;
    told(&command(&["run", &path.display().to_string(), "--image", &image()], directory.path()).output()?, 0, &[])
}

/// Which process is killed.
#[derive(Clone, Copy)]
enum Victim {
    Command,
    Outer,
    Lab,
}

fn outlived(victim: Victim) -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let path = scenario(directory.path(), "")?;
    let mut run = command(&["run", &path, "--image", &image()], directory.path());
    let mut run = run.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let killed = await_cluster(&mut run).and_then(|outer| {
        let id = match victim {
            Victim::Command => run.id().to_string(),
            Victim::Outer => outer.clone(),
            Victim::Lab => docker(&["inspect", "--format", "{{.State.Pid}}", &format!("{}lab", prefix(&outer))])?,
        };
        // SIGKILL, which nobody can handle.
        kill(Pid::from_raw(id.trim().parse()?), Signal::SIGKILL)?;
        await_that(GONE_BOUND, || Ok(containers(&outer)?.is_empty()))
    });
    let _ = run.kill();
    run.wait()?;
    killed
}

/// The command is killed as soon as there is a container in which it asks what the image is.
fn asked_in_vain() -> Result<(), Failed> {
    let directory = tempfile::tempdir()?;
    let path = scenario(directory.path(), "")?;
    let mut check = command(&["check", &path, "--image", &image()], directory.path());
    let mut check = check.stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let own = format!(" {} ", check.id());
    let is_there = || {
        let owners = ["ps", "--all", "--format", "{{.Label \"redis-harness.owner\"}}"];
        Ok(docker(&owners)?.lines().any(|owner| owner.contains(&own)))
    };
    let seen = await_that(GONE_BOUND, is_there);
    check.kill()?;
    check.wait()?;
    seen?;
    await_that(GONE_BOUND, || Ok(!is_there()?))
}

/// The id of the process that makes the lab, as soon as a whole cluster is there.
fn await_cluster(run: &mut Child) -> Result<String, Failed> {
    let mut outer = String::new();
    await_that(TURN_BOUND, || {
        if let Some(status) = run.try_wait()? {
            return Err(format!("the run ended: {status}").into());
        }
        let children = Command::new("pgrep").args(["-P", &run.id().to_string()]).output()?;
        // One of them makes the lab.
        for child in String::from_utf8(children.stdout)?.lines() {
            // Six nodes and the lab.
            if containers(child)?.len() == 7 {
                child.clone_into(&mut outer);
                return Ok(true);
            }
        }
        Ok(false)
    })?;
    Ok(outer)
}

fn prefix(outer: &str) -> String {
    format!("redis-harness-{outer}-")
}

/// The containers that a process has made, running or not.
fn containers(outer: &str) -> Result<Vec<String>, Failed> {
    let names = docker(&["ps", "--all", "--format", "{{.Names}}", "--filter", "label=redis-harness.owner"])?;
    Ok(names.lines().filter(|name| name.starts_with(&prefix(outer))).map(str::to_owned).collect())
}

fn docker(arguments: &[&str]) -> Result<String, Failed> {
    Ok(String::from_utf8(Command::new("docker").args(arguments).output()?.stdout)?)
}

fn await_that(bound: Duration, mut holds: impl FnMut() -> Result<bool, Failed>) -> Result<(), Failed> {
    let deadline = Instant::now() + bound;
    while !holds()? {
        if Instant::now() > deadline {
            return Err(format!("not within {} s", bound.as_secs()).into());
        }
        thread::sleep(POLL);
    }
    Ok(())
}
