//! What the holder of a certificate may do.

use std::{fmt, str::FromStr};

/// What the holder of a certificate may do. It stands in the certificate as a URI among the subject's alternative
/// names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// To be the coordinator.
    Coordinator,
    /// To join as a worker and deliver results.
    Worker,
    /// To submit and manage jobs, and read results.
    Client,
    /// All that a client may, and to send workers away.
    Admin,
}

impl Role {
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Coordinator, Self::Worker, Self::Client, Self::Admin];

    /// One word.
    pub fn name(self) -> &'static str {
        match self {
            Self::Coordinator => "coordinator",
            Self::Worker => "worker",
            Self::Client => "client",
            Self::Admin => "admin",
        }
    }

    /// As it stands in certificates.
    pub fn uri(self) -> &'static str {
        match self {
            Self::Coordinator => "urn:swath:role:coordinator",
            Self::Worker => "urn:swath:role:worker",
            Self::Client => "urn:swath:role:client",
            Self::Admin => "urn:swath:role:admin",
        }
    }

    /// The role that a URI stands for.
    pub(crate) fn from_uri(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.uri() == uri)
    }

    /// `a, b and c`, or with another word before the last.
    pub(crate) fn list(roles: &[Self], conjunction: &str) -> String {
        match roles {
            [] => "no role".to_owned(),
            [role] => role.to_string(),
            [others @ .., last] => {
                let others: Vec<_> = others.iter().map(|role| role.name()).collect();
                format!("{} {conjunction} {last}", others.join(", "))
            }
        }
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|role| role.name() == text)
            .ok_or_else(|| format!("`{text}` is not a role: it should be coordinator, worker, client or admin"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_found_by_their_names_and_uris() {
        for role in Role::ALL {
            assert_eq!(role.name().parse(), Ok(role));
            assert_eq!(Role::from_uri(role.uri()), Some(role));
        }
        assert!("root".parse::<Role>().unwrap_err().contains("`root`"));
        assert_eq!(Role::from_uri("urn:swath:role:root"), None);
    }

    #[test]
    fn lists_read_well() {
        assert_eq!(Role::list(&[], "and"), "no role");
        assert_eq!(Role::list(&[Role::Worker], "and"), "worker");
        assert_eq!(Role::list(&[Role::Client, Role::Admin], "or"), "client or admin");
        assert_eq!(Role::list(&[Role::Worker, Role::Client, Role::Admin], "and"), "worker, client and admin");
    }
}
