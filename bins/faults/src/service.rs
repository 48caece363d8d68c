//! PostgreSQL and RabbitMQ as processes that can be killed, stopped and started again as they were.

use std::{
    ffi::{OsStr, OsString},
    fs,
    os::unix::{ffi::OsStringExt, fs::MetadataExt, process::CommandExt},
    path::PathBuf,
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

use tokio::{net::TcpStream, time::sleep};

/// How long a service may take until it answers again.
const PATIENCE: Duration = Duration::from_secs(60);

/// A server process, with all that it takes to start it once more: as Linux tells it of the one that runs.
pub(crate) struct Service {
    pid_file: PathBuf,
    id: AtomicU32,
    port: u16,
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: PathBuf,
    user: u32,
    group: u32,
}

impl Service {
    /// The one whose id stands in a file, and which listens on a port of this machine.
    pub(crate) fn found(pid_file: PathBuf, port: u16) -> Self {
        let id = pid(&pid_file).expect("the service runs");
        let of = |name: &str| fs::read(format!("/proc/{id}/{name}")).expect("Linux tells of the service");
        let parts = |bytes: Vec<u8>| -> Vec<OsString> {
            let bytes = bytes.strip_suffix(&[0]).unwrap_or(&bytes);
            bytes.split(|byte| *byte == 0).map(|part| OsString::from_vec(part.to_vec())).collect()
        };
        let environment = parts(of("environ")).into_iter().filter_map(|pair| {
            let pair = pair.into_vec();
            let at = pair.iter().position(|byte| *byte == b'=')?;
            let (name, value) = (pair[..at].to_vec(), pair[at + 1..].to_vec());
            Some((OsString::from_vec(name), OsString::from_vec(value)))
        });
        let owner = fs::metadata(format!("/proc/{id}")).expect("Linux tells of the service");
        Self {
            port,
            program: fs::read_link(format!("/proc/{id}/exe")).expect("Linux tells of the service"),
            arguments: parts(of("cmdline")),
            environment: environment.collect(),
            folder: fs::read_link(format!("/proc/{id}/cwd")).expect("Linux tells of the service"),
            user: owner.uid(),
            group: owner.gid(),
            id: AtomicU32::new(id),
            pid_file,
        }
    }

    /// A command as the service's user and with its environment.
    pub(crate) fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new(program);
        command.env_clear().envs(self.environment.iter().cloned()).current_dir(&self.folder);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command.gid(self.group).uid(self.user);
        command
    }

    /// Sends a signal to it, and to the processes that it began.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.id.load(Ordering::Relaxed);
        for id in children(id).into_iter().chain([id]) {
            // Children come and go.
            drop(Command::new("kill").args([&format!("-{name}"), &id.to_string()]).stderr(Stdio::null()).status());
        }
    }

    /// Ends it with all its processes, at once.
    pub(crate) async fn kill(&self) {
        self.signal("KILL");
        let begun = Instant::now();
        while lives(self.id.load(Ordering::Relaxed)) {
            assert!(begun.elapsed() < PATIENCE, "the service on port {} does not end", self.port);
            sleep(Duration::from_millis(20)).await;
        }
    }

    /// Starts it as it was, and waits until it answers.
    pub(crate) async fn start(&self) {
        let begun = Instant::now();
        let mut command = self.command(&self.program);
        command.arg0(&self.arguments[0]).args(&self.arguments[1..]);
        let mut child = command.spawn().expect("the service starts");
        while TcpStream::connect(("127.0.0.1", self.port)).await.is_err() {
            if child.try_wait().expect("a child").is_some() {
                // What was killed just now still holds something.
                sleep(Duration::from_millis(200)).await;
                child = command.spawn().expect("the service starts");
            }
            assert!(begun.elapsed() < PATIENCE, "the service on port {} does not start", self.port);
            sleep(Duration::from_millis(50)).await;
        }
        self.id.store(child.id(), Ordering::Relaxed);
        // Whoever started it first is to find it, unless the service has told already.
        if pid(&self.pid_file) != Some(child.id()) {
            fs::write(&self.pid_file, format!("{}\n", child.id())).expect("its id, noted");
        }
        // Reaped when it ends, so that it does not look as if it lived.
        std::thread::spawn(move || child.wait());
    }
}

fn pid(file: &PathBuf) -> Option<u32> {
    fs::read_to_string(file).ok()?.lines().next()?.trim().parse().ok()
}

/// Whether it is there and no zombie.
fn lives(id: u32) -> bool {
    let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
    status.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with('Z'))
}

/// The processes that one began.
fn children(parent: u32) -> Vec<u32> {
    let entries = fs::read_dir("/proc").expect("Linux tells of processes").flatten();
    let ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let of_parent = |id: &u32| {
        let status = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let rest = status.rsplit_once(") ").map(|(_, rest)| rest.to_owned()).unwrap_or_default();
        rest.split(' ').nth(1).and_then(|parent| parent.parse().ok()) == Some(parent)
    };
    ids.filter(of_parent).collect()
}
