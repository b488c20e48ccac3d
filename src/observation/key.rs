//! [`Key`]: what observations have in common that belong to one incident.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use siphasher::sip128::{Hasher128, SipHasher13};

use super::{Identity, Kind, MethodName, Route, RouteRef, Site, Status};

/// What observations have in common that belong to one incident.
///
/// Never a raw path, a message or a header, so that strangers can't make keys.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Key {
    /// Requests of one kind on one route; `status` tells [`Kind::Failed`]
    /// ones apart and is `None` for the other kinds.
    #[non_exhaustive]
    Request {
        /// What went wrong; never [`Kind::Hung`], which shares [`Kind::Slow`].
        kind: Kind,
        /// One of the nine standard methods, or `OTHER`.
        method: MethodName,
        /// The route.
        route: Route,
        /// The answer, for failures.
        status: Option<Status>,
    },
    /// Panics at one place.
    #[non_exhaustive]
    Panic {
        /// Where.
        site: Site,
    },
    /// Errors logged or reported at one place.
    #[non_exhaustive]
    Log {
        /// The log target or the report's title.
        target: Arc<str>,
        /// Where.
        site: Site,
    },
    /// Requests that blocked the async runtime, and those that were slow only
    /// because of that.
    #[non_exhaustive]
    Blocked {
        /// The method of the one that blocked it longest when it was seen.
        method: MethodName,
        /// Its route.
        route: Route,
    },
    /// Requests cut off by the shutdown, after `AlertHandle::draining`.
    Cut,
    /// Several routes with the same trouble, told as one.
    #[non_exhaustive]
    RollUp {
        /// What went wrong on all of them.
        kind: Kind,
    },
    /// What found no room among the live keys, by kind.
    #[non_exhaustive]
    Other {
        /// What went wrong.
        kind: Kind,
    },
}

impl Key {
    /// The kind that this key counts.
    #[must_use]
    pub fn kind(&self) -> Kind {
        match self {
            Key::Request { kind, .. } | Key::RollUp { kind } | Key::Other { kind } => *kind,
            Key::Blocked { .. } => Kind::Slow,
            Key::Panic { .. } => Kind::Panicked,
            Key::Log { .. } => Kind::Logged,
            Key::Cut => Kind::Cancelled,
        }
    }

    /// The method, where the key has one.
    #[must_use]
    pub fn method(&self) -> Option<MethodName> {
        match self {
            Key::Request { method, .. } | Key::Blocked { method, .. } => Some(*method),
            _ => None,
        }
    }

    /// The route, where the key has one.
    #[must_use]
    pub fn route(&self) -> Option<&Route> {
        match self {
            Key::Request { route, .. } | Key::Blocked { route, .. } => Some(route),
            _ => None,
        }
    }

    /// The status, where the key has one.
    #[must_use]
    pub fn status(&self) -> Option<Status> {
        match self {
            Key::Request { status, .. } => *status,
            _ => None,
        }
    }

    /// Whether it is this one.
    #[inline]
    pub(crate) fn is(&self, key: KeyRef<'_>) -> bool {
        match (self, key) {
            // What a storm asks, in the fewest steps.
            (
                Key::Request { kind, method, route: Route::Known(template), status },
                KeyRef::Request {
                    kind: other_kind,
                    method: other_method,
                    route: RouteRef::Known(other_template),
                    status: other_status,
                },
            ) => {
                *kind == other_kind
                    && *method == other_method
                    && *status == other_status
                    && **template == *other_template
            }
            _ => KeyRef::from(self) == key,
        }
    }

    /// A hash of service, environment and key: the same in every process and
    /// release (SipHash-1-3 with fixed keys, 128 bit).
    #[must_use]
    pub fn fingerprint(&self, identity: &Identity) -> [u8; 16] {
        let mut hasher = SipHasher13::new();
        let mut part = |text: &str| {
            hasher.write(&(text.len() as u64).to_le_bytes());
            hasher.write(text.as_bytes());
        };
        part(&identity.service);
        part(identity.environment.as_deref().unwrap_or_default());
        part(self.kind().as_str());
        match self {
            Key::Request { method, route, status, .. } => {
                part("request");
                part(method.as_str());
                part(route.as_str());
                part(&status.map(|status| status.to_string()).unwrap_or_default());
            }
            Key::Panic { site } => {
                part("panic");
                part(&site.to_string());
            }
            Key::Log { target, site } => {
                part("log");
                part(target);
                part(&site.to_string());
            }
            Key::Blocked { method, route } => {
                part("blocked");
                part(method.as_str());
                part(route.as_str());
            }
            Key::Cut => part("cut"),
            Key::RollUp { .. } => part("roll-up"),
            Key::Other { .. } => part("other"),
        }
        hasher.finish128().as_bytes()
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Key::Request { kind, method, route, status } => {
                write!(f, "{kind} ")?;
                if let Some(status) = status {
                    write!(f, "{status} ")?;
                }
                write!(f, "{method} {route}")
            }
            Key::Panic { site } => write!(f, "panicked at {site}"),
            Key::Log { target, site } => write!(f, "logged {target} at {site}"),
            Key::Blocked { method, route } => write!(f, "runtime blocked by {method} {route}"),
            Key::Cut => f.write_str("cut by the shutdown"),
            Key::RollUp { kind } => write!(f, "{kind} on several routes"),
            Key::Other { kind } => write!(f, "{kind} elsewhere"),
        }
    }
}

/// A borrowed [`Key`]: what the request path looks up, without allocating.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyRef<'a> {
    Request { kind: Kind, method: MethodName, route: RouteRef<'a>, status: Option<Status> },
    Panic(&'a Site),
    Log { target: &'a str, site: &'a Site },
    Blocked { method: MethodName, route: RouteRef<'a> },
    Cut,
    RollUp(Kind),
    Other(Kind),
}

impl KeyRef<'_> {
    pub(crate) fn kind(&self) -> Kind {
        match self {
            KeyRef::Request { kind, .. } | KeyRef::RollUp(kind) | KeyRef::Other(kind) => *kind,
            KeyRef::Panic(_) => Kind::Panicked,
            KeyRef::Blocked { .. } => Kind::Slow,
            KeyRef::Log { .. } => Kind::Logged,
            KeyRef::Cut => Kind::Cancelled,
        }
    }

    pub(crate) fn to_key(self) -> Key {
        match self {
            KeyRef::Request { kind, method, route, status } => {
                Key::Request { kind, method, route: route.to_route(), status }
            }
            KeyRef::Panic(site) => Key::Panic { site: site.clone() },
            KeyRef::Log { target, site } => Key::Log { target: target.into(), site: site.clone() },
            KeyRef::Blocked { method, route } => Key::Blocked { method, route: route.to_route() },
            KeyRef::Cut => Key::Cut,
            KeyRef::RollUp(kind) => Key::RollUp { kind },
            KeyRef::Other(kind) => Key::Other { kind },
        }
    }
}

impl Hash for KeyRef<'_> {
    /// In few and large pieces: each costs a failing request as much as the
    /// next, however small.
    fn hash<H: Hasher>(&self, state: &mut H) {
        let route_of = |kind: Kind, method: &MethodName, route: &RouteRef<'_>, state: &mut H| {
            state.write_u64(u64::from(method.number()) << 8 | kind.index() as u64);
            match route {
                RouteRef::Known(template) => state.write(template.as_bytes()),
                RouteRef::Unmatched => state.write_u8(0xff),
            }
        };
        match self {
            KeyRef::Request { kind, method, route, status } => {
                let status = match status {
                    None => 0,
                    Some(Status::Http(code)) => 1 << 32 | u64::from(*code),
                    Some(Status::Grpc(code)) => 2 << 32 | u64::from(*code),
                    Some(Status::Error) => 3 << 32,
                };
                state.write_u64(status);
                route_of(*kind, method, route, state);
            }
            KeyRef::Blocked { method, route } => {
                state.write_u64(4 << 32);
                route_of(Kind::Slow, method, route, state);
            }
            KeyRef::Panic(site) => (5_u64 << 32, site).hash(state),
            KeyRef::Log { target, site } => (6_u64 << 32, target, site).hash(state),
            KeyRef::Cut => state.write_u64(7 << 32),
            KeyRef::RollUp(kind) => state.write_u64(8 << 32 | kind.index() as u64),
            KeyRef::Other(kind) => state.write_u64(9 << 32 | kind.index() as u64),
        }
    }
}

impl<'a> From<&'a Key> for KeyRef<'a> {
    fn from(key: &'a Key) -> Self {
        match key {
            Key::Request { kind, method, route, status } => KeyRef::Request {
                kind: *kind,
                method: *method,
                route: route.into(),
                status: *status,
            },
            Key::Panic { site } => KeyRef::Panic(site),
            Key::Log { target, site } => KeyRef::Log { target, site },
            Key::Blocked { method, route } => {
                KeyRef::Blocked { method: *method, route: route.into() }
            }
            Key::Cut => KeyRef::Cut,
            Key::RollUp { kind } => KeyRef::RollUp(*kind),
            Key::Other { kind } => KeyRef::Other(*kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(route: &str) -> Key {
        Key::Request {
            kind: Kind::Failed,
            method: MethodName::of(&http::Method::GET),
            route: Route::Known(route.into()),
            status: Some(Status::Http(500)),
        }
    }

    #[test]
    fn the_fingerprint_is_stable_across_releases() {
        let identity = Identity {
            service: "shop-api".into(),
            environment: Some("production".into()),
            ..Identity::default()
        };
        // A changed value here means that a running fleet would lose its incidents.
        let hex: String =
            key("/users/{id}").fingerprint(&identity).iter().map(|b| format!("{b:02x}")).collect();
        assert_eq!(hex, "98c2573cf2ba60e743f5bf3aacf46985");
        let staging = Identity { environment: Some("staging".into()), ..identity.clone() };
        assert_ne!(key("/a").fingerprint(&identity), key("/a").fingerprint(&staging));
        assert_ne!(key("/a").fingerprint(&identity), key("/b").fingerprint(&identity));
    }

    #[test]
    fn keys_that_differ_have_hashes_that_differ() {
        use std::hash::{BuildHasher, RandomState};
        let site = Site::new("a.rs", 1, None);
        let methods = ["GET", "PUT", "OPTIONS", "CONNECT"];
        let methods = methods.map(|name| MethodName::of(&name.parse().unwrap()));
        let mut keys = vec![
            KeyRef::Cut,
            KeyRef::Panic(&site),
            KeyRef::Log { target: "a", site: &site },
            KeyRef::Log { target: "b", site: &site },
        ];
        for kind in Kind::ALL {
            keys.extend([KeyRef::Other(kind), KeyRef::RollUp(kind)]);
            for method in methods {
                for route in [RouteRef::Known("/a"), RouteRef::Known(""), RouteRef::Unmatched] {
                    keys.push(KeyRef::Blocked { method, route });
                    for status in
                        [None, Some(Status::Http(5)), Some(Status::Grpc(5)), Some(Status::Error)]
                    {
                        keys.push(KeyRef::Request { kind, method, route, status });
                    }
                }
            }
        }
        for key in &keys {
            let owned = key.to_key();
            assert!(keys.iter().all(|other| owned.is(*other) == (key == other)), "{key:?}");
        }
        let hasher = RandomState::new();
        let mut hashes = std::collections::HashMap::new();
        for key in keys {
            let known = hashes.entry(hasher.hash_one(key)).or_insert(key);
            assert_eq!(*known, key);
        }
    }

    #[test]
    fn borrowed_and_owned_keys_round_trip() {
        for key in [
            key("/a"),
            Key::Panic { site: Site::new("a.rs", 1, Some(2)) },
            Key::Blocked { method: MethodName::OTHER, route: Route::Known("/a".into()) },
            Key::Other { kind: Kind::Slow },
        ] {
            assert_eq!(KeyRef::from(&key).to_key(), key);
            assert_eq!(KeyRef::from(&key).kind(), key.kind());
            assert!(key.is(KeyRef::from(&key)));
        }
    }
}
