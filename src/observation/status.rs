//! [`Status`]: how a request was answered, as far as a key needs it.

use std::fmt;

/// How a request was answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Status {
    /// An HTTP status code.
    Http(u16),
    /// A gRPC status code, from the head or the trailers.
    Grpc(u32),
    /// The service returned `Err` in place of a response.
    Error,
}

impl Status {
    /// The name of a gRPC status code as its specification spells it.
    #[must_use]
    pub const fn grpc_name(code: u32) -> Option<&'static str> {
        Some(match code {
            0 => "Ok",
            1 => "Cancelled",
            2 => "Unknown",
            3 => "InvalidArgument",
            4 => "DeadlineExceeded",
            5 => "NotFound",
            6 => "AlreadyExists",
            7 => "PermissionDenied",
            8 => "ResourceExhausted",
            9 => "FailedPrecondition",
            10 => "Aborted",
            11 => "OutOfRange",
            12 => "Unimplemented",
            13 => "Internal",
            14 => "Unavailable",
            15 => "DataLoss",
            16 => "Unauthenticated",
            _ => return None,
        })
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Status::Http(code) => write!(f, "{code}"),
            Status::Grpc(code) => match Status::grpc_name(code) {
                Some(name) => write!(f, "gRPC {name}"),
                None => write!(f, "gRPC {code}"),
            },
            Status::Error => f.write_str("error"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_have_the_names_of_their_specification() {
        let names: Vec<&str> = (0..40).filter_map(Status::grpc_name).collect();
        let expected = "Ok Cancelled Unknown InvalidArgument DeadlineExceeded NotFound \
            AlreadyExists PermissionDenied ResourceExhausted FailedPrecondition Aborted \
            OutOfRange Unimplemented Internal Unavailable DataLoss Unauthenticated";
        assert_eq!(names.join(" "), expected);
        let said = [Status::Http(503), Status::Grpc(14), Status::Grpc(99), Status::Error];
        let said = said.map(|status| status.to_string());
        assert_eq!(said, ["503", "gRPC Unavailable", "gRPC 99", "error"]);
    }
}
