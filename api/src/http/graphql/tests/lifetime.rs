//! What runs on a socket, how it is stopped, and how a socket ends by itself.
use super::{Toy, client::Socket};
use serde_json::{Value as Json, json};
use std::{sync::atomic::Ordering, time::Duration};

fn tick(id: &str, value: i32) -> Json {
    json!({"type": "next", "id": id, "payload": {"data": {"ticks": value}}})
}

#[tokio::test]
async fn a_subscription_follows_and_completes() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("t", "subscription{ticks}").await;
    assert_eq!(socket.receive().await, tick("t", 0));
    toy.world.ticks.send_replace(1);
    assert_eq!(socket.receive().await, tick("t", 1));
    toy.world.ticks.send_replace(-1);
    assert_eq!(socket.receive().await, json!({"type": "complete", "id": "t"}));
}

#[tokio::test]
async fn a_failed_event_is_next_and_the_subscription_goes_on() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("f", "subscription{failing}").await;
    assert_eq!(socket.receive().await["payload"], json!({"data": {"failing": 1}}));
    let failed = socket.receive().await;
    assert_eq!((&failed["type"], &failed["payload"]["data"]), (&json!("next"), &json!(null)));
    assert_eq!(socket.receive().await["payload"], json!({"data": {"failing": 3}}));
    assert_eq!(socket.receive().await, json!({"type": "complete", "id": "f"}));
}

#[tokio::test]
async fn complete_of_the_client_stops() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("t", "subscription{ticks}").await;
    assert_eq!(socket.receive().await, tick("t", 0));
    socket.send(json!({"type": "complete", "id": "t"})).await;
    toy.world.ticks.closed().await;
    toy.world.ticks.send_replace(5);
    // The id is free, and nothing of the first subscription comes any more.
    socket.subscribe("t", "subscription{ticks}").await;
    assert_eq!(socket.receive().await, tick("t", 5));
    socket.send(json!({"type": "complete", "id": "unknown"})).await;
    socket.send(json!({"type": "ping"})).await;
    assert_eq!(socket.receive().await, json!({"type": "pong"}));
}

#[tokio::test]
async fn operations_end_with_their_socket() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("t", "subscription{ticks}").await;
    assert_eq!(socket.receive().await, tick("t", 0));
    drop(socket);
    toy.world.ticks.closed().await;
    toy.sockets.drained().await;
}

#[tokio::test]
async fn operations_run_side_by_side() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("t", "subscription{ticks}").await;
    assert_eq!(socket.receive().await, tick("t", 0));
    socket.subscribe("q", "{hello}").await;
    assert_eq!(socket.receive().await["id"], "q");
    assert_eq!(socket.receive().await, json!({"type": "complete", "id": "q"}));
    toy.world.ticks.send_replace(1);
    assert_eq!(socket.receive().await, tick("t", 1));
}

#[tokio::test]
async fn one_operation_too_many_is_refused() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    for id in 0..100 {
        socket.subscribe(&id.to_string(), "subscription{forever}").await;
    }
    socket.subscribe("100", "{hello}").await;
    let error = socket.receive().await;
    assert_eq!((&error["type"], &error["id"]), (&json!("error"), &json!("100")));
    assert_eq!(error["payload"][0]["extensions"]["code"], "RATE_LIMITED");
    socket.send(json!({"type": "complete", "id": "7"})).await;
    socket.subscribe("100", "{hello}").await;
    assert_eq!(socket.receive().await["payload"]["data"], json!({"hello": "world"}));
}

#[tokio::test]
async fn a_revoked_token_starts_nothing() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    toy.world.revoked.store(true, Ordering::SeqCst);
    socket.subscribe("m", "mutation{rename(name:\"x\")}").await;
    assert_eq!(socket.close_code().await, 4403);
    assert!(toy.world.renames.borrow().is_empty());
}

/// A socket on which a subscription runs and whose token is checked often.
async fn watched() -> (Toy, Socket) {
    let toy = Toy::limited(|limits| limits.check_period = Duration::from_millis(20)).await;
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("t", "subscription{ticks}").await;
    assert_eq!(socket.receive().await, tick("t", 0));
    (toy, socket)
}

#[tokio::test]
async fn a_revoked_token_ends_what_runs() {
    let (toy, mut socket) = watched().await;
    toy.world.revoked.store(true, Ordering::SeqCst);
    assert_eq!(socket.closed().await, (Vec::new(), 4403));
    toy.world.ticks.closed().await;
}

#[tokio::test]
async fn a_token_that_reaches_other_than_it_did_ends_what_runs() {
    let (toy, mut socket) = watched().await;
    toy.world.reach.store(2, Ordering::SeqCst);
    assert_eq!(socket.closed().await, (Vec::new(), 4403));
    toy.world.ticks.closed().await;
    drop(Socket::ready(&toy).await);
}

/// Goal: the checks of a key do not grow with what it has open. Method: eight sockets, and no more
/// checks than their openings and the ticks of one watch; once they are gone, there is none.
#[tokio::test]
async fn a_key_is_watched_once_however_much_it_has_open() {
    let toy = Toy::limited(|limits| limits.check_period = Duration::from_millis(50)).await;
    let started = std::time::Instant::now();
    let mut sockets = Vec::new();
    for _ in 0..8 {
        sockets.push(Socket::ready(&toy).await);
    }
    let opened = toy.world.checks.load(Ordering::SeqCst);
    let more = async {
        while toy.world.checks.load(Ordering::SeqCst) < opened + 4 {
            tokio::task::yield_now().await;
        }
    };
    more.await;
    let ticks = u128::from(toy.world.checks.load(Ordering::SeqCst) - 8);
    let periods = started.elapsed().as_millis() / 50 + 1;
    assert!(ticks <= periods, "{ticks} checks in {periods} periods");
    toy.world.revoked.store(true, Ordering::SeqCst);
    for mut socket in sockets {
        assert_eq!(socket.close_code().await, 4403);
    }
}

#[tokio::test]
async fn a_silent_client_is_pinged_then_cut() {
    let toy = Toy::limited(|limits| limits.ping_period = Duration::from_millis(20)).await;
    let mut socket = Socket::ready(&toy).await;
    let ping = json!({"type": "ping"});
    assert_eq!(socket.closed().await, (vec![ping.clone(), ping.clone(), ping], 4499));
}

#[tokio::test]
async fn a_client_that_answers_pings_is_not_cut() {
    let toy = Toy::limited(|limits| limits.ping_period = Duration::from_millis(100)).await;
    let mut socket = Socket::ready(&toy).await;
    for _ in 0..6 {
        assert_eq!(socket.receive().await, json!({"type": "ping"}));
        socket.send(json!({"type": "pong"})).await;
    }
}

#[tokio::test]
async fn shutdown_closes_1012() {
    let toy = Toy::start().await;
    let mut fresh = Socket::fresh(&toy).await;
    let mut busy = Socket::ready(&toy).await;
    busy.subscribe("t", "subscription{ticks}").await;
    assert_eq!(busy.receive().await, tick("t", 0));
    assert_eq!(toy.sockets.open(), 2);
    toy.shutdown.send_replace(true);
    assert_eq!(fresh.close_code().await, 1012);
    assert_eq!(busy.close_code().await, 1012);
    toy.sockets.drained().await;
    toy.world.ticks.closed().await;
    let opened = Socket::open(&toy, &[("sec-websocket-protocol", "graphql-transport-ws")]).await;
    assert_eq!(super::client::refusal(opened), 503);
}

#[tokio::test]
async fn a_client_that_does_not_read_is_still_read() {
    let toy = Toy::start().await;
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("f", "subscription{flood}").await;
    // The queue is full, so the writer waits for the client.
    toy.world.flooded.subscribe().wait_for(|made| *made > 33).await.unwrap();
    socket.subscribe("m", "mutation{rename(name:\"x\")}").await;
    toy.world.renames.subscribe().wait_for(|names| *names == ["x"]).await.unwrap();
}

#[tokio::test]
async fn a_client_that_does_not_read_is_cut() {
    let toy = Toy::limited(|limits| limits.write_timeout = Duration::from_millis(50)).await;
    let mut socket = Socket::ready(&toy).await;
    socket.subscribe("f", "subscription{flood}").await;
    toy.world.flooded.subscribe().wait_for(|made| *made > 33).await.unwrap();
    toy.sockets.drained().await;
}

#[tokio::test]
async fn sockets_are_bounded() {
    let toy = Toy::limited(|limits| limits.sockets = 1).await;
    let first = Socket::ready(&toy).await;
    let opened = Socket::open(&toy, &[("sec-websocket-protocol", "graphql-transport-ws")]).await;
    assert_eq!(super::client::refusal(opened), 503);
    drop(first);
    toy.sockets.drained().await;
    drop(Socket::ready(&toy).await);
}
