//! What commands and queries have to know at every turn and what changes hardly ever, read once a second.

use std::{
    any::Any,
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fairlead_domain::{ids::OrganizationId, kernel::Aggregate};

use crate::{
    App, AppError, Recorded,
    access::{Authorized, System},
    step::Step,
};

/// For how long what was read is told again.
const FRESH: Duration = Duration::from_secs(1);
/// How many registers are remembered.
const MOST: usize = 10_000;
/// How many records are read at once.
const PAGE: u16 = 500;

type Key = (OrganizationId, &'static str);

/// Registers that were read lately.
#[derive(Default)]
pub(crate) struct Lately {
    registers: Mutex<HashMap<Key, Register>>,
    readings: AtomicU64,
}

struct Register {
    begun: Instant,
    /// By which reading.
    reading: u64,
    /// An `Arc<Vec<Recorded<A>>>`; `None` while it is being read.
    records: Option<Arc<dyn Any + Send + Sync>>,
}

impl Lately {
    /// What is known, or the number of the reading by which it is to be known.
    fn look<A: Aggregate>(&self, key: Key) -> Result<Arc<Vec<Recorded<A>>>, u64> {
        let mut registers = self.registers();
        if let Some(register) = registers.get(&key).filter(|register| register.begun.elapsed() < FRESH)
            && let Some(known) = register.records.clone().and_then(|records| records.downcast().ok())
        {
            return Ok(known);
        }
        let reading = self.readings.fetch_add(1, Ordering::Relaxed);
        if registers.len() >= MOST {
            registers.retain(|_, register| register.begun.elapsed() < FRESH);
        }
        if registers.len() < MOST {
            registers.insert(key, Register { begun: Instant::now(), reading, records: None });
        }
        Err(reading)
    }

    /// Keeps what was read, unless it was forgotten or read again meanwhile.
    fn remember<A: Aggregate>(&self, key: Key, reading: u64, records: Arc<Vec<Recorded<A>>>) {
        if let Some(register) = self.registers().get_mut(&key).filter(|register| register.reading == reading) {
            register.records = Some(records);
        }
    }

    /// Forgets what some commands may have changed.
    pub(crate) fn forget(&self, steps: &[Step]) {
        let mut registers = self.registers();
        if !registers.is_empty() {
            for step in steps {
                registers.remove(&(step.tenant, step.aggregate));
            }
        }
    }

    fn registers(&self) -> MutexGuard<'_, HashMap<Key, Register>> {
        self.registers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// The living streams of an aggregate of which a tenant has few, as they were a second ago at most, or after the last
    /// command of this process.
    ///
    /// # Errors
    /// [`AppError`]
    pub async fn lately<A: Aggregate>(&self, cx: &Authorized<System>) -> Result<Arc<Vec<Recorded<A>>>, AppError> {
        let key = (cx.tenant(), A::TYPE);
        let reading = match self.lately.look::<A>(key) {
            Ok(known) => return Ok(known),
            Err(reading) => reading,
        };
        let (mut all, mut more) = (Vec::new(), true);
        while more {
            let after = all.last().map(|record: &Recorded<A>| record.id);
            let (page, has_more) = self.register::<A>(cx, None, after, PAGE).await?;
            all.extend(page);
            more = has_more;
        }
        let all = Arc::new(all);
        self.lately.remember(key, reading, all.clone());
        Ok(all)
    }
}
