//! Makes a sequence of JSON values of one JSON array, piece by piece.

/// Blanks out the brackets of the outer array and the commas between its elements, so that what is left is one value after
/// the other, which is what readers of JSON lines take.
#[derive(Debug, Default)]
pub(crate) struct ArrayUnwrapper {
    depth: usize,
    in_string: bool,
    after_backslash: bool,
    state: State,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    Before,
    Within,
    After,
}

impl ArrayUnwrapper {
    /// Changes the next bytes in place.
    pub(crate) fn unwrap(&mut self, bytes: &mut [u8]) -> Result<(), &'static str> {
        for byte in bytes {
            if self.in_string {
                match *byte {
                    _ if self.after_backslash => self.after_backslash = false,
                    b'\\' => self.after_backslash = true,
                    b'"' => self.in_string = false,
                    _ => {}
                }
                continue;
            }
            match (&self.state, *byte) {
                (_, b' ' | b'\t' | b'\r' | b'\n') => {}
                (State::Before, b'[') => {
                    self.state = State::Within;
                    *byte = b' ';
                }
                (State::Before, _) => return Err("it does not begin with ["),
                (State::After, _) => return Err("there is text after the closing ]"),
                (State::Within, b'"') => self.in_string = true,
                (State::Within, b'{' | b'[') => self.depth += 1,
                (State::Within, b']') if self.depth == 0 => {
                    self.state = State::After;
                    *byte = b' ';
                }
                (State::Within, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
                (State::Within, b',') if self.depth == 0 => *byte = b' ',
                (State::Within, _) => {}
            }
        }
        Ok(())
    }

    /// Says whether the array was closed.
    pub(crate) fn finish(&self) -> Result<(), &'static str> {
        match self.state {
            State::After => Ok(()),
            State::Before => Err("it is empty"),
            State::Within => Err("its closing ] is missing"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unwrap(text: &str, piece: usize) -> Result<String, &'static str> {
        let mut bytes = text.as_bytes().to_vec();
        let mut unwrapper = ArrayUnwrapper::default();
        for piece in bytes.chunks_mut(piece) {
            unwrapper.unwrap(piece)?;
        }
        unwrapper.finish()?;
        Ok(String::from_utf8(bytes).unwrap())
    }

    #[test]
    fn elements_are_left() {
        let text = r#" [{"a":[1,2],"b":"],\"["}, {"c":{}} ]  "#;
        for piece in [1, 2, 100] {
            assert_eq!(unwrap(text, piece).unwrap(), r#"  {"a":[1,2],"b":"],\"["}  {"c":{}}    "#);
        }
        assert_eq!(unwrap("[]", 1).unwrap(), "  ");
    }

    #[test]
    fn what_is_no_array_is_refused() {
        assert!(unwrap("{}", 9).is_err());
        assert!(unwrap("[{}", 9).is_err());
        assert!(unwrap("[{}] {}", 9).is_err());
        assert!(unwrap("[\"]", 9).is_err());
    }
}
