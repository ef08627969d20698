//! One image under several tags with one upload: OCI push, verification and tags that only move forward
