//! The server, which prints the cost of its requests, and the count of events in its files.
#![expect(
    clippy::disallowed_methods,
    reason = "a bench starts processes and reads the disk from outside"
)]

use std::fs;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use axum::Router;
use axum::routing::get;
use rustix::time::{ClockId, clock_gettime};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tower_http::trace::{DefaultMakeSpan, DefaultOnRequest, DefaultOnResponse, TraceLayer};
use tracing::Level;

use super::contender::Contender;
use super::count;
use crate::{Result, child};

/// Answers the requests of a process of clients, and prints the processor time per request in
/// microseconds and the number of requests per second.
pub(super) fn serve(contender: Contender, requests: u64, directory: &Path) -> Result<()> {
    let close = contender.install(directory)?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_io()
        .build()?;
    let (started, nanos) = (Instant::now(), processor_nanos());
    runtime.block_on(answer(requests))?;
    let seconds = started.elapsed().as_secs_f64();
    drop(runtime);
    close();
    let micros = (processor_nanos() - nanos) / 1e3;
    println!("{} {}", micros / count(requests), count(requests) / seconds);
    Ok(())
}

async fn answer(requests: u64) -> Result<()> {
    let trace = TraceLayer::new_for_http()
        .make_span_with(DefaultMakeSpan::new().level(Level::INFO))
        .on_request(DefaultOnRequest::new().level(Level::INFO))
        .on_response(DefaultOnResponse::new().level(Level::INFO));
    let router = Router::new()
        .route("/projects/{id}", get(async || "listed"))
        .layer(trace);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let port = listener.local_addr()?.port().to_string();
    let (ended, end) = oneshot::channel();
    let clients = std::thread::Builder::new().name("clients".to_owned());
    let clients = clients.spawn(move || -> std::io::Result<bool> {
        let status = Command::new(std::env::current_exe()?)
            .args([
                child::WORD,
                "serving",
                "clients",
                &port,
                &requests.to_string(),
            ])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .status();
        // The server may have ended with an error.
        let _is_waited_for = ended.send(());
        Ok(status?.success())
    })?;
    let server = axum::serve(listener, router);
    let until = async {
        let _ended = end.await;
    };
    server.with_graceful_shutdown(until).await?;
    match clients.join() {
        Ok(Ok(true)) => Ok(()),
        Ok(Ok(false)) => Err("the clients failed".into()),
        Ok(Err(error)) => Err(error.into()),
        Err(_) => Err("the clients' thread panicked".into()),
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "nanoseconds of minutes are below 2^52"
)]
fn processor_nanos() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    (time.tv_sec * 1_000_000_000 + time.tv_nsec) as f64
}

/// Counts the events of requests in all files below a directory.
pub(super) fn events_in(directory: &Path) -> Result<u64> {
    let mut events = 0;
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        let kind = entry.file_type()?;
        if kind.is_dir() {
            events += events_in(&entry.path())?;
        } else if kind.is_file() {
            let text = fs::read_to_string(entry.path())?;
            events += text.matches("\"target\":\"tower_http::trace::").count() as u64;
        }
    }
    Ok(events)
}
