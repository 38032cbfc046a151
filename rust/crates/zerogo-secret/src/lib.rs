//! Values that are overwritten when they are dropped, whatever type of another crate they are of.
//!
//! `ring` keeps the schedule of a key in a plain value and leaves it behind when that is dropped. A crate of its own, since
//! overwriting a value of a foreign type cannot be said without unsafe, which `zerogo-core` does without.

use std::ops::Deref;

/// A flat value: one that owns no other memory and needs no work when it is dropped.
///
/// What was moved is not followed: put it in a `Box`, so that it stays where it is. A copy that the compiler makes on the
/// stack on the way there is out of reach; it lasts until the stack is used again.
pub struct Erased<T>(T);

impl<T> Erased<T> {
    const IS_FLAT: () = assert!(!std::mem::needs_drop::<T>(), "a flat value is wanted");

    /// Overwrite this value when it is dropped.
    pub fn new(value: T) -> Self {
        let () = Self::IS_FLAT;
        Self(value)
    }
}

impl<T> Deref for Erased<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T> Drop for Erased<T> {
    fn drop(&mut self) {
        // SAFETY: the pointer is to a live value that we borrow mutably, and nobody reads it as a `T` after this: it is
        // being dropped, and `IS_FLAT` says that `T` itself does nothing then.
        unsafe { zeroize::zeroize_flat_type(&raw mut self.0) };
    }
}

impl<T> std::fmt::Debug for Erased<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Erased")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::MaybeUninit;

    #[test]
    fn what_is_dropped_is_overwritten() {
        let mut place: Box<MaybeUninit<Erased<[u8; 64]>>> = Box::new(MaybeUninit::uninit());
        place.write(Erased::new([0xaa; 64]));
        // SAFETY: the value was written just now and is dropped once. Its bytes are read afterwards as bytes, which they
        // are: the drop has written each of them, and the place still belongs to the box.
        let left = unsafe {
            assert_eq!(**place.assume_init_ref(), [0xaa; 64]);
            place.assume_init_drop();
            place.as_ptr().cast::<[u8; 64]>().read()
        };
        assert_eq!(left, [0; 64]);
    }

    #[test]
    fn what_is_kept_is_not_shown() {
        assert_eq!(format!("{:?}", Erased::new([7u8; 32])), "Erased");
    }
}
