//! A piece of a script to tokens that know their places in the file.
//!
//! Variables are filled in first, so a token's place in the expanded text has to be led back to the text as it was written.

use sqlparser::tokenizer::{Span, TokenWithSpan, Tokenizer};

use crate::error::{Error, Result};
use crate::names::nearest;
use crate::sql::dialect::Dialect;
use crate::sql::source::LineIndex;
use crate::sql::splitter::{Piece, token_ranges};
use crate::sql::statement::StatementText;
use crate::sql::variables::Variables;

/// How a variable that is not defined would be.
fn way_out(reference: &str, variables: &Variables) -> String {
    let name = match reference.split_once(':') {
        None => reference,
        Some(("hivevar", name)) => name,
        Some(("hiveconf", name)) => return format!("set it before: SET {name} = …"),
        Some(("env", name)) => return format!("the environment has no {name}"),
        Some((other, _)) => return format!("there is no {other}: …; there are hivevar, hiveconf and env"),
    };
    // One that was given as `hivevar:name` is found by no name.
    match nearest(name, variables.iter().map(|(name, _)| name).filter(|name| !name.contains(':'))) {
        Some(near) => format!("did you mean \"{near}\"?"),
        None => format!("define it with --var {name}=… or \\set {name} …"),
    }
}

/// The tokens of a piece, with places in its source, and the text they were read from.
pub(super) fn read(
    piece: &Piece,
    dialect: Dialect,
    variables: &Variables,
) -> Result<(StatementText, Vec<TokenWithSpan>)> {
    let source = piece.source();
    let start = piece.body().start;
    let expanded = variables.expand(piece.text(), dialect).map_err(|undefined| {
        let span = source.span(start + undefined.range.start..start + undefined.range.end);
        let error = Error::statement(format!("variable \"{}\" is not defined", undefined.name)).at(source, span);
        error.help(way_out(&undefined.name, variables))
    })?;

    let mut tokens = Vec::new();
    let outcome = Tokenizer::new(dialect.tokens(), &expanded.text)
        .with_unescape(dialect != Dialect::Hive)
        .tokenize_with_location_into_buf(&mut tokens);
    if let Err(error) = outcome {
        let offset = LineIndex::new(&expanded.text).offset(&expanded.text, error.location);
        let place = start + expanded.original_offset(offset);
        return Err(Error::statement(error.message).at(source, source.span(place..place)));
    }
    let mut ranges = token_ranges(&expanded.text, &tokens);
    for (token, range) in tokens.iter_mut().zip(&ranges) {
        let end = expanded.original_offset(range.end).max(expanded.original_offset(range.start));
        token.span =
            Span::new(source.location(start + expanded.original_offset(range.start)), source.location(start + end));
    }
    if dialect == Dialect::Hive {
        super::hive_tokens::read(&mut tokens);
        super::lateral_tokens::to_joins(&mut tokens, &mut ranges);
    }
    super::table_tokens::to_selects(&mut tokens, &mut ranges);
    Ok((StatementText { text: expanded.text, ranges }, tokens))
}
