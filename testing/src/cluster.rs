//! A `PostgreSQL` cluster of one's own, for what a shared one can't show: restarts, restores, transaction ids of choice.

use std::{
    fs,
    net::TcpListener,
    path::{Path, PathBuf},
    process::Command,
};

use uuid::Uuid;

/// A cluster that is stopped and removed with this value.
pub struct Cluster {
    folder: PathBuf,
    port: u16,
}

impl Cluster {
    /// Makes and starts a cluster whose next transaction id is `next_xid`.
    pub fn start(next_xid: u32) -> Self {
        let folder = std::env::temp_dir().join(format!("fairlead-cluster-{}", Uuid::new_v4().simple()));
        fs::create_dir(&folder).expect("a folder");
        let port = TcpListener::bind("127.0.0.1:0").and_then(|l| l.local_addr()).expect("a free port").port();
        let cluster = Self { folder, port };
        if is_root() {
            run(Command::new("chown").arg("postgres").arg(&cluster.folder));
        }
        let data = cluster.data();
        run(program("initdb").args(["-A", "trust", "-U", "postgres", "-N", "-D"]).arg(&data));
        // A whole segment of the commit log (2^20 transactions), so that the file for it can be made of zeros.
        if next_xid > 0 {
            let segment = format!("{:04X}", next_xid >> 20);
            run(program("pg_resetwal").arg("-x").arg((next_xid >> 20 << 20).max(3).to_string()).arg("-D").arg(&data));
            let file = data.join("pg_xact").join(&segment);
            if !file.exists() {
                fs::write(&file, vec![0; 256 * 1024]).expect("a segment of the commit log");
                if is_root() {
                    run(Command::new("chown").arg("postgres").arg(&file));
                }
            }
        }
        let folder = cluster.folder.display();
        let options =
            format!("-p {port} -k {folder} -c listen_addresses=127.0.0.1 -c fsync=off -c max_prepared_transactions=5");
        run(program("pg_ctl")
            .arg("-D")
            .arg(&data)
            .args(["-w", "-o", &options, "-l"])
            .arg(cluster.folder.join("log"))
            .arg("start"));
        cluster
    }

    /// The administrator's URL of the maintenance database.
    pub fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }
}

/// Dumps the database at a URL as text.
pub fn dump(url: &str) -> String {
    let dump = program("pg_dump").args(["--no-owner", "-d", url]).output().expect("pg_dump");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    String::from_utf8_lossy(&dump.stdout).into_owned()
}

/// Dumps the database at `from` and restores it into the empty one at `to`.
pub fn copy(from: &str, to: &str) {
    let dump = program("pg_dump").args(["-Fc", "--no-owner", "-d", from]).output().expect("pg_dump");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let file = std::env::temp_dir().join(format!("fairlead-dump-{}", Uuid::new_v4().simple()));
    fs::write(&file, dump.stdout).expect("a dump");
    if is_root() {
        run(Command::new("chown").arg("postgres").arg(&file));
    }
    let restored = program("pg_restore").args(["--role=fairlead_owner", "--no-owner", "-d", to]).arg(&file).output();
    fs::remove_file(&file).expect("the dump, removed");
    let restored = restored.expect("pg_restore");
    assert!(restored.status.success(), "{}", String::from_utf8_lossy(&restored.stderr));
}

impl Drop for Cluster {
    fn drop(&mut self) {
        run(program("pg_ctl").arg("-D").arg(self.data()).args(["-m", "immediate", "stop"]));
        if let Err(error) = fs::remove_dir_all(&self.folder) {
            eprintln!("{} was left behind: {error}", self.folder.display());
        }
    }
}

/// One of `PostgreSQL`'s programs, as the user that it accepts.
fn program(name: &str) -> Command {
    let path = Path::new(&crate::required("FAIRLEAD_TEST_POSTGRES_BIN")).join(name);
    let mut command = if is_root() {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups"]).arg(path);
        command
    } else {
        Command::new(path)
    };
    command.current_dir(std::env::temp_dir());
    command
}

fn is_root() -> bool {
    Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout == b"0\n")
}

fn run(command: &mut Command) {
    // pg_ctl leaves a server behind that would keep a pipe open; its output goes to nobody.
    let quiet = std::process::Stdio::null;
    let status = command.stdout(quiet()).stderr(quiet()).stdin(quiet()).status();
    assert!(status.as_ref().is_ok_and(std::process::ExitStatus::success), "{command:?}: {status:?}");
}
