//! Every metric there is. The tables in `guides/operations.md` say the same; tests compare both with what the code
//! emits.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Only ever grows, within a process's life.
    Counter,
    /// Goes up and down.
    Gauge,
    /// A distribution, in buckets.
    Histogram,
}

/// A metric.
#[derive(Debug, Clone, Copy)]
pub struct Metric {
    /// Its name; `_seconds` are seconds, everything else is counted.
    pub name: &'static str,
    /// What it is.
    pub kind: Kind,
    /// What it tells, in a few words.
    pub help: &'static str,
}

const fn counter(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Counter, help }
}

const fn gauge(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Gauge, help }
}

const fn histogram(name: &'static str, help: &'static str) -> Metric {
    Metric { name, kind: Kind::Histogram, help }
}

/// Every metric, in the order of the guide.
pub const CATALOG: &[Metric] = &[
    counter("fairlead_http_requests_total", "Requests answered"),
    histogram("fairlead_http_request_duration_seconds", "Until a request was answered"),
    gauge("fairlead_http_requests_in_flight", "Requests being answered"),
    counter("fairlead_commands_total", "Commands executed"),
    counter("fairlead_command_conflicts_total", "Commands decided again because another one was quicker"),
    gauge(
        "fairlead_organizations_held_back",
        "Organizations whose commands are refused, since too many of their events wait",
    ),
    histogram("fairlead_append_duration_seconds", "Storing what a command changes"),
    histogram("fairlead_consistency_wait_seconds", "Lists waiting until they have seen the caller's write"),
    counter("fairlead_consistency_timeouts_total", "Lists that had not seen the caller's write in time"),
    counter("fairlead_audit_notes_lost_total", "Requests of which the audit log can't tell from where they came"),
    gauge("fairlead_database_connections", "Open connections of a pool"),
    gauge("fairlead_database_connections_max", "Connections that a pool may open"),
    gauge("fairlead_database_waiting", "Callers waiting for a connection of a pool"),
    histogram("fairlead_database_wait_seconds", "Waiting for a connection of a pool"),
    counter("fairlead_sequencer_ticks_total", "Looks for committed events"),
    counter("fairlead_sequencer_stamped_events_total", "Events that were given a position"),
    histogram("fairlead_sequencer_tick_duration_seconds", "One look for committed events"),
    gauge("fairlead_sequencer_position", "The last position given"),
    gauge("fairlead_sequencer_pending_events", "Committed events without a position, 10,000 at most"),
    gauge("fairlead_sequencer_pending_age_seconds", "Age of the oldest committed event without a position"),
    counter("fairlead_relay_published_total", "Messages handed to the broker"),
    counter("fairlead_relay_confirmed_total", "Messages that the broker has"),
    counter("fairlead_relay_returned_total", "Messages that no queue wanted"),
    counter("fairlead_relay_refused_total", "Messages that the broker would not keep"),
    histogram("fairlead_relay_confirm_seconds", "Until the broker answered a message"),
    gauge("fairlead_relay_in_flight", "Messages that the broker has not answered"),
    gauge("fairlead_subscription_lag_events", "Positions that a partition has not handled"),
    gauge("fairlead_subscription_lag_seconds", "Age of the oldest position that a partition has not handled"),
    gauge("fairlead_subscription_parked_streams", "Streams that a subscription has set aside"),
    gauge("fairlead_subscription_partitions_held", "Partitions of a subscription that this process works"),
    gauge("fairlead_subscription_paused", "1 where an operator has paused a subscription, 0 otherwise"),
    counter("fairlead_policy_reactions_total", "Events to which a policy has reacted"),
    counter("fairlead_consumer_handled_total", "Events that took effect at a consumer"),
    counter(
        "fairlead_consumer_duplicates_total",
        "Messages that a consumer dropped, since their events were handled or set aside",
    ),
    counter("fairlead_consumer_retries_total", "Attempts at what a consumer has set aside"),
    gauge("fairlead_consumer_held", "Messages that a consumer has set aside"),
    counter("fairlead_consumer_dead_total", "Streams that a consumer gave up, and messages that are no event"),
    histogram("fairlead_consumer_handler_seconds", "How long a consumer's handler works on an event"),
    counter("fairlead_mail_sent_total", "Letters that events asked for"),
    gauge("fairlead_observed_timestamp_seconds", "When lags were last asked for, as seconds since 1970"),
];

/// What every process tells of itself besides, by the names that Prometheus' own clients have for it.
pub const PROCESS: &[Metric] = &[
    gauge("process_start_time_seconds", "When the process was started, as seconds since 1970"),
    counter("process_cpu_seconds_total", "Seconds of processor time that the process has used"),
    gauge("process_resident_memory_bytes", "Memory that the process has"),
    gauge("process_virtual_memory_bytes", "Addresses that the process has taken"),
    gauge("process_virtual_memory_max_bytes", "Addresses that the process may take"),
    gauge("process_threads", "Threads of the process"),
    gauge("process_open_fds", "File descriptors that the process has open: connections, most of them"),
    gauge("process_max_fds", "File descriptors that the process may open"),
];
