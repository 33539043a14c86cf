//! SHA-256 in portable code, as in FIPS 180-4, without CPU feature detection. Pure.
//!
//! The existing crates detect CPU features for a speed that is not needed: an image takes a tenth of a second even
//! under emulation.

/// Bytes of a block and of a digest.
const BLOCK: usize = 64;
const DIGEST: usize = 32;
/// Offset of the length in the last block.
const LENGTH_AT: usize = BLOCK - 8;

/// Round constants: fractions of the cube roots of the first 64 primes.
const K: [u32; 64] = [
    0x428a_2f98,
    0x7137_4491,
    0xb5c0_fbcf,
    0xe9b5_dba5,
    0x3956_c25b,
    0x59f1_11f1,
    0x923f_82a4,
    0xab1c_5ed5,
    0xd807_aa98,
    0x1283_5b01,
    0x2431_85be,
    0x550c_7dc3,
    0x72be_5d74,
    0x80de_b1fe,
    0x9bdc_06a7,
    0xc19b_f174,
    0xe49b_69c1,
    0xefbe_4786,
    0x0fc1_9dc6,
    0x240c_a1cc,
    0x2de9_2c6f,
    0x4a74_84aa,
    0x5cb0_a9dc,
    0x76f9_88da,
    0x983e_5152,
    0xa831_c66d,
    0xb003_27c8,
    0xbf59_7fc7,
    0xc6e0_0bf3,
    0xd5a7_9147,
    0x06ca_6351,
    0x1429_2967,
    0x27b7_0a85,
    0x2e1b_2138,
    0x4d2c_6dfc,
    0x5338_0d13,
    0x650a_7354,
    0x766a_0abb,
    0x81c2_c92e,
    0x9272_2c85,
    0xa2bf_e8a1,
    0xa81a_664b,
    0xc24b_8b70,
    0xc76c_51a3,
    0xd192_e819,
    0xd699_0624,
    0xf40e_3585,
    0x106a_a070,
    0x19a4_c116,
    0x1e37_6c08,
    0x2748_774c,
    0x34b0_bcb5,
    0x391c_0cb3,
    0x4ed8_aa4a,
    0x5b9c_ca4f,
    0x682e_6ff3,
    0x748f_82ee,
    0x78a5_636f,
    0x84c8_7814,
    0x8cc7_0208,
    0x90be_fffa,
    0xa450_6ceb,
    0xbef9_a3f7,
    0xc671_78f2,
];

/// An unfinished digest.
#[derive(Clone, Debug)]
pub(crate) struct Sha256 {
    state: [u32; 8],
    /// Bytes that do not fill a block yet.
    rest: [u8; BLOCK],
    used: usize,
    bytes: u64,
}

impl Sha256 {
    /// Returns the state before any input.
    pub(crate) fn new() -> Sha256 {
        let state = [
            0x6a09_e667,
            0xbb67_ae85,
            0x3c6e_f372,
            0xa54f_f53a,
            0x510e_527f,
            0x9b05_688c,
            0x1f83_d9ab,
            0x5be0_cd19,
        ];
        Sha256 { state, rest: [0; BLOCK], used: 0, bytes: 0 }
    }

    /// Appends bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.bytes = self.bytes.wrapping_add(bytes.len() as u64);
        let mut bytes = bytes;
        if self.used > 0 {
            let (head, tail) = bytes.split_at(bytes.len().min(BLOCK - self.used));
            self.keep(head);
            bytes = tail;
        }
        let mut blocks = bytes.chunks_exact(BLOCK);
        for block in &mut blocks {
            if let Some(block) = block.first_chunk() {
                compress(&mut self.state, block);
            }
        }
        self.keep(blocks.remainder());
    }

    /// Buffers bytes that fit into the current block; processes the block if it is full.
    fn keep(&mut self, bytes: &[u8]) {
        for (to, from) in self.rest.iter_mut().skip(self.used).zip(bytes) {
            *to = *from;
        }
        self.used += bytes.len();
        if self.used == BLOCK {
            compress(&mut self.state, &self.rest);
            self.used = 0;
        }
    }

    /// Returns the digest.
    pub(crate) fn finish(mut self) -> [u8; DIGEST] {
        let bits = self.bytes.wrapping_mul(8);
        self.update(&[0x80]);
        while self.used != LENGTH_AT {
            self.update(&[0]);
        }
        self.update(&bits.to_be_bytes());
        let mut digest = [0; DIGEST];
        for (to, word) in digest.chunks_exact_mut(4).zip(self.state) {
            to.copy_from_slice(&word.to_be_bytes());
        }
        digest
    }
}

/// Processes one block: 64 rounds over a message schedule of which 16 words are kept.
///
/// The rounds are unrolled, so that every index and constant is known at compile time: an emulated processor
/// is more than twice as fast as with a loop.
fn compress(state: &mut [u32; 8], block: &[u8; BLOCK]) {
    let mut words = [0; 16];
    for (word, bytes) in words.iter_mut().zip(block.as_chunks().0) {
        *word = u32::from_be_bytes(*bytes);
    }
    let mut new = *state;
    // Each round renames the words a to h by one position instead of moving them.
    macro_rules! rounds {
        ($($at:literal)*) => {$(
            let [a, b, c, d, e, f, g, h] = const { turned(64 - $at) };
            let (x, y) = (new[a], new[e]);
            let sum = y.rotate_right(6) ^ y.rotate_right(11) ^ y.rotate_right(25);
            let choice = ((new[f] ^ new[g]) & y) ^ new[g];
            let with = words[$at % 16].wrapping_add(const { K[$at] });
            let one = new[h].wrapping_add(with).wrapping_add(choice).wrapping_add(sum);
            let sum = x.rotate_right(2) ^ x.rotate_right(13) ^ x.rotate_right(22);
            let majority = ((x | new[b]) & new[c]) | (x & new[b]);
            new[d] = new[d].wrapping_add(one);
            new[h] = one.wrapping_add(sum).wrapping_add(majority);
        )*};
    }
    rounds!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    extend(&mut words);
    rounds!(16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31);
    extend(&mut words);
    rounds!(32 33 34 35 36 37 38 39 40 41 42 43 44 45 46 47);
    extend(&mut words);
    rounds!(48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63);
    for (word, new) in state.iter_mut().zip(new) {
        *word = word.wrapping_add(new);
    }
}

/// Returns the indices 0 to 7, rotated to begin with `first`.
const fn turned(first: usize) -> [usize; 8] {
    let mut places = [0; 8];
    let mut at = 0;
    while at < 8 {
        places[at] = (first + at) % 8;
        at += 1;
    }
    places
}

/// Computes the next sixteen words of the message schedule from the last sixteen.
#[inline]
fn extend(words: &mut [u32; 16]) {
    macro_rules! extend {
        ($($at:literal)*) => {$(
            let (x, y) = (words[($at + 1) % 16], words[($at + 14) % 16]);
            let low = x.rotate_right(7) ^ x.rotate_right(18) ^ (x >> 3);
            let high = y.rotate_right(17) ^ y.rotate_right(19) ^ (y >> 10);
            words[$at] = words[$at].wrapping_add(low).wrapping_add(words[($at + 9) % 16]).wrapping_add(high);
        )*};
    }
    extend!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
}

#[cfg(test)]
mod tests {
    use sha2::Digest;

    use super::*;

    #[test]
    fn agrees_with_another_one_at_every_length_and_cut() {
        let bytes: Vec<u8> = (0..1000u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
        for length in (0..200).chain([255, 256, 1000, 4000]) {
            for cut in [1, 3, 55, 56, 63, 64, 65, 128, 4096] {
                let mut ours = Sha256::new();
                bytes[..length].chunks(cut).for_each(|part| ours.update(part));
                let theirs: [u8; 32] = sha2::Sha256::digest(&bytes[..length]).into();
                assert_eq!(ours.finish(), theirs, "{length} bytes in parts of {cut}");
            }
        }
    }
}
