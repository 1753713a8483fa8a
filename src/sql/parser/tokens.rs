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
        match nearest(&undefined.name, variables.iter().map(|(name, _)| name)) {
            Some(name) => error.help(format!("did you mean \"{name}\"?")),
            None => error.help(format!("define it with --var {0}=… or \\set {0} …", undefined.name)),
        }
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
