//! A real gRPC server and client, over a real connection.

mod common;

use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

use common::Watch;
use futures_util::stream::{self, Stream, StreamExt};
use tokio::net::TcpListener;
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Server};
use tonic::{Code, Request, Response, Status};
use tonic_health::pb::health_client::HealthClient;
use tonic_health::pb::health_server::{Health, HealthServer};
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

/// Answers each call as its request says.
struct AsAsked;

type Answers = Pin<Box<dyn Stream<Item = Result<HealthCheckResponse, Status>> + Send>>;

#[tonic::async_trait]
impl Health for AsAsked {
    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        match request.into_inner().service.as_str() {
            "internal" => Err(Status::internal("the database is gone")),
            "unavailable" => Err(Status::unavailable("try again")),
            "not found" => Err(Status::not_found("no such thing")),
            "panic" => panic!("in a gRPC handler"),
            _ => Ok(Response::new(HealthCheckResponse { status: 1 })),
        }
    }

    type WatchStream = Answers;

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Answers>, Status> {
        let one = Ok(HealthCheckResponse { status: 1 });
        let then = match request.into_inner().service.as_str() {
            "fails later" => vec![one, Err(Status::data_loss("half of it is gone"))],
            _ => vec![one.clone(), one],
        };
        Ok(Response::new(stream::iter(then).boxed()))
    }
}

async fn serve(watch: &Watch) -> HealthClient<Channel> {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address: SocketAddr = listener.local_addr().unwrap();
    let server = Server::builder()
        .layer(watch.layer.clone())
        .add_service(HealthServer::new(AsAsked))
        .serve_with_incoming(TcpListenerStream::new(listener));
    tokio::spawn(server);
    let channel = Channel::from_shared(format!("http://{address}")).unwrap();
    HealthClient::new(channel.connect().await.unwrap())
}

async fn check(client: &mut HealthClient<Channel>, service: &str) -> Result<i32, Status> {
    let asked = client.check(HealthCheckRequest { service: service.to_owned() }).await;
    asked.map(|answer| answer.into_inner().status)
}

#[tokio::test]
async fn calls_are_judged_by_their_own_status_and_pass_unchanged() {
    let watch = Watch::new();
    let mut client = serve(&watch).await;
    assert_eq!(check(&mut client, "fine").await.unwrap(), 1);
    assert_eq!(check(&mut client, "not found").await.unwrap_err().code(), Code::NotFound);
    watch.nothing().await;

    let internal = check(&mut client, "internal").await.unwrap_err();
    assert_eq!((internal.code(), internal.message()), (Code::Internal, "the database is gone"));
    let view = watch.only().await;
    assert_eq!(view.key().to_string(), "failed gRPC Internal POST /grpc.health.v1.Health/Check");
    let sample = view.samples().first().unwrap();
    assert_eq!(sample.causes().collect::<Vec<_>>(), ["the database is gone"]);
    assert_eq!(sample.path(), "/grpc.health.v1.Health/Check");
    assert_eq!(check(&mut client, "fine").await.unwrap(), 1);
}

#[tokio::test]
async fn a_stream_that_fails_later_is_told_by_its_trailers() {
    let watch = Watch::new();
    let mut client = serve(&watch).await;
    for (service, items, told) in [
        ("fine", 2, None),
        ("fails later", 1, Some("failed gRPC DataLoss POST /grpc.health.v1.Health/Watch")),
    ] {
        let asked = HealthCheckRequest { service: service.to_owned() };
        let mut answers = client.watch(asked).await.unwrap().into_inner();
        let mut seen = 0;
        let end = loop {
            match answers.message().await {
                Ok(Some(_)) => seen += 1,
                end => break end,
            }
        };
        assert_eq!(seen, items);
        match told {
            None => {
                assert!(end.unwrap().is_none());
                watch.nothing().await;
            }
            Some(key) => {
                assert_eq!(end.unwrap_err().code(), Code::DataLoss);
                assert_eq!(watch.only().await.key().to_string(), key);
            }
        }
    }
}

#[tokio::test]
async fn a_panic_is_answered_and_the_connection_lives() {
    let watch = Watch::new();
    let mut client = serve(&watch).await;
    // An empty 500: what a client of gRPC makes of an answer that is not gRPC.
    let panicked = check(&mut client, "panic").await.unwrap_err();
    assert_eq!(panicked.code(), Code::Unknown);
    assert_eq!(check(&mut client, "fine").await.unwrap(), 1);
    let key = watch.only().await.key().to_string();
    assert_eq!(key, "panicked POST /grpc.health.v1.Health/Check");
}

#[tokio::test]
async fn a_client_that_goes_away_in_the_middle_of_a_stream_is_nobodys_failure() {
    let watch = Watch::new();
    let mut client = serve(&watch).await;
    let asked = HealthCheckRequest { service: "fine".to_owned() };
    let mut answers = client.watch(asked).await.unwrap().into_inner();
    answers.message().await.unwrap();
    drop((answers, client));
    // The server learns of it in its own time.
    let gone = async {
        while watch.handle.stats().in_flight() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(common::SOON, gone).await.unwrap();
    watch.nothing().await;
}
