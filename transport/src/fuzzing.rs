//! What the fuzz targets reach of this crate; not for anybody else.

use crate::Access;

/// Reads the text of an access file. Panics if what it says of a bad one quotes the key.
pub fn access_file(text: &str) -> bool {
    match Access::from_toml(text) {
        Ok(access) => access.client_config().is_ok(),
        Err(reason) => {
            let key = text.split("PRIVATE KEY-----").nth(1).unwrap_or_default();
            let quoted = key.lines().find(|line| line.len() >= 32 && reason.contains(line));
            assert_eq!(quoted, None, "what is wrong with an access file quotes its key: {reason}");
            false
        }
    }
}
