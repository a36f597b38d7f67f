//! What a server is: Redis or Valkey, and which version.

use std::fmt;
use std::str::FromStr;

/// A server's product and version.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ServerVersion {
    /// Redis or Valkey.
    pub product: Product,
    /// The first number.
    pub major: u16,
    /// The second number.
    pub minor: u16,
    /// The third number.
    pub patch: u16,
}

/// Which server it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Product {
    /// `redis-server`.
    Redis,
    /// `valkey-server`.
    Valkey,
}

impl ServerVersion {
    /// Whether the harness cannot use it: Redis before 6.2.
    pub fn is_too_old(&self) -> bool {
        self.product == Product::Redis && (self.major, self.minor) < (6, 2)
    }
}

impl fmt::Display for ServerVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}.{}.{}", self.product, self.major, self.minor, self.patch)
    }
}

impl FromStr for ServerVersion {
    type Err = ();

    /// Reads what `redis-server --version` prints: `Redis server v=7.0.15 sha=00000000:0 malloc=...`.
    fn from_str(printed: &str) -> Result<Self, ()> {
        let line = printed.lines().find(|line| line.contains(" server v=")).ok_or(())?;
        let (product, rest) = line.trim().split_once(" server v=").ok_or(())?;
        let product = match product {
            "Redis" => Product::Redis,
            "Valkey" => Product::Valkey,
            _ => return Err(()),
        };
        // A release candidate such as `8.0.0-rc1` counts as the release.
        let numbers = rest.split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap_or_default();
        let mut numbers = numbers.split('.').map(|number| number.parse().map_err(|_| ()));
        let mut next = || numbers.next().ok_or(())?;
        Ok(Self { product, major: next()?, minor: next()?, patch: next()? })
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("Redis server v=7.0.15 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=ae4d7c971a948f0", "Redis 7.0.15")]
    #[case("Redis server v=6.2.14 sha=00000000:0 malloc=libc bits=64 build=0", "Redis 6.2.14")]
    #[case("Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64 build=0", "Valkey 8.0.1")]
    #[case("Valkey server v=9.0.0-rc1 sha=0", "Valkey 9.0.0")]
    #[case("a warning first\nRedis server v=8.0.0 sha=0\n", "Redis 8.0.0")]
    fn versions_are_read(#[case] printed: &str, #[case] version: &str) {
        assert_eq!(printed.parse::<ServerVersion>().map(|version| version.to_string()), Ok(version.to_owned()));
    }

    #[rstest]
    #[case("")]
    #[case("ls (GNU coreutils) 9.4")]
    #[case("Redis server v=seven")]
    #[case("Redis server v=7.0")]
    #[case("KeyDB server v=6.3.4 sha=0")]
    fn others_are_refused(#[case] printed: &str) {
        assert_eq!(printed.parse::<ServerVersion>(), Err(()));
    }
}
