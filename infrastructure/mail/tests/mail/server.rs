//! A server that speaks as much SMTP (RFC 5321) as is needed to take letters, and to refuse them.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex, MutexGuard},
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

/// How a connection goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It is told to come back: 421.
    Unavailable,
    /// Nothing is said, ever.
    Hang,
    /// Whoever wants to sign in may not: 535.
    SignIn,
    /// The recipient is refused for now: 451.
    Later,
    /// The recipient is refused for good: 550.
    Never,
    /// The letter is taken, and the connection ends before that is said.
    DropAfterData,
}

/// A letter that was taken.
#[derive(Debug, Clone)]
pub(crate) struct Taken {
    pub(crate) to: String,
    pub(crate) data: String,
}

impl Taken {
    /// What stands behind a header's name.
    pub(crate) fn header(&self, name: &str) -> &str {
        let line = self.data.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        line.unwrap_or_else(|| panic!("no {name} in {}", self.data))
    }
}

#[derive(Default)]
struct State {
    /// One for each connection to come.
    faults: Vec<Fault>,
    /// For those after them.
    always: Option<Fault>,
    connections: usize,
    taken: Vec<Taken>,
}

pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    task: JoinHandle<()>,
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Server {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (address, state) = (listener.local_addr().unwrap(), Arc::<Mutex<State>>::default());
        let shared = state.clone();
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                let state = shared.clone();
                // Whoever goes away in the middle is no fault.
                tokio::spawn(async move { drop(converse(stream, &state).await) });
            }
        });
        Self { address, state, task }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap()
    }

    pub(crate) fn url(&self, rest: &str) -> String {
        format!("smtp://someone:hunter2@{}{rest}", self.address)
    }

    /// The connections to come fail like this, one after the other.
    pub(crate) fn fail(&self, faults: &[Fault]) {
        self.state().faults = faults.iter().rev().copied().collect();
    }

    /// All further connections fail like this, or none.
    pub(crate) fn always(&self, fault: Option<Fault>) {
        self.state().always = fault;
    }

    pub(crate) fn connections(&self) -> usize {
        self.state().connections
    }

    pub(crate) fn taken(&self) -> Vec<Taken> {
        self.state().taken.clone()
    }
}

async fn converse(stream: TcpStream, state: &Mutex<State>) -> std::io::Result<()> {
    let fault = {
        let mut state = state.lock().unwrap();
        state.connections += 1;
        state.faults.pop().or(state.always)
    };
    let mut stream = BufReader::new(stream);
    match fault {
        Some(Fault::Hang) => {
            let mut nothing = String::new();
            while stream.read_line(&mut nothing).await? > 0 {}
            return Ok(());
        }
        Some(Fault::Unavailable) => return stream.write_all(b"421 4.3.2 come back later\r\n").await,
        _ => stream.write_all(b"220 ready\r\n").await?,
    }
    let (mut to, mut line) = (String::new(), String::new());
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let command = line.trim_end().to_owned();
        let answer = match command.split([' ', ':']).next().unwrap_or_default() {
            "EHLO" => "250-here\r\n250-8BITMIME\r\n250 AUTH PLAIN\r\n".to_owned(),
            "AUTH" if fault == Some(Fault::SignIn) => "535 5.7.8 not you\r\n".to_owned(),
            "AUTH" => "235 2.7.0 welcome\r\n".to_owned(),
            "MAIL" => "250 2.1.0 go on\r\n".to_owned(),
            "RCPT" => {
                to = command.split(['<', '>']).nth(1).unwrap_or_default().to_owned();
                match fault {
                    Some(Fault::Later) => format!("451 4.7.1 <{to}>: come back later\r\n"),
                    Some(Fault::Never) => format!("550 5.1.1 <{to}>: nobody of this name\r\n"),
                    _ => "250 2.1.5 go on\r\n".to_owned(),
                }
            }
            "DATA" => {
                stream.write_all(b"354 go on\r\n").await?;
                let data = letter(&mut stream).await?;
                state.lock().unwrap().taken.push(Taken { to: to.clone(), data });
                if fault == Some(Fault::DropAfterData) {
                    return Ok(());
                }
                "250 2.0.0 taken\r\n".to_owned()
            }
            "QUIT" => return stream.write_all(b"221 2.0.0 bye\r\n").await,
            _ => "250 2.0.0 fine\r\n".to_owned(),
        };
        stream.write_all(answer.as_bytes()).await?;
    }
}

/// Everything up to the line that is a dot alone.
async fn letter(stream: &mut BufReader<TcpStream>) -> std::io::Result<String> {
    let mut data = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match line.strip_prefix('.') {
            Some("\r\n") => return Ok(data),
            Some(rest) => data.push_str(rest),
            None => data.push_str(&line),
        }
    }
}
