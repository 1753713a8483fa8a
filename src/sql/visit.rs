//! Walking over sqlparser's syntax tree, with one copy of the walk for all visitors.
//!
//! `Visit::visit` is generic over the visitor, and the walk through some hundred node types is compiled anew for each: with a dozen
//! visitors that was the largest part of this crate's code. [`visit`] and [`visit_mut`] hide the visitor behind a trait object.

use std::ops::ControlFlow;

use sqlparser::ast::{
    Expr, ObjectName, Query, Select, Statement, TableFactor, ValueWithSpan, Visit, VisitMut, Visitor, VisitorMut,
};

/// Walks over `part`, as `part.visit(visitor)` does.
pub(crate) fn visit<V: Visitor>(part: &impl Visit, visitor: &mut V) -> ControlFlow<V::Break> {
    let mut holder = Holder { visitor, ended: None };
    let _ = part.visit(&mut Erased(&mut holder));
    holder.outcome()
}

/// Walks over `part` and lets the visitor change it, as `part.visit(visitor)` does.
pub(crate) fn visit_mut<V: VisitorMut>(part: &mut impl VisitMut, visitor: &mut V) -> ControlFlow<V::Break> {
    let mut holder = Holder { visitor, ended: None };
    let _ = part.visit(&mut ErasedMut(&mut holder));
    holder.outcome()
}

/// A visitor, and what it ended the walk with: a trait object's `Break` has no room for it.
struct Holder<'a, V, B> {
    visitor: &'a mut V,
    ended: Option<B>,
}

impl<V, B> Holder<'_, V, B> {
    fn outcome(self) -> ControlFlow<B> {
        self.ended.map_or(ControlFlow::Continue(()), ControlFlow::Break)
    }

    fn keep(&mut self, flow: ControlFlow<B>) -> ControlFlow<()> {
        match flow {
            ControlFlow::Continue(()) => ControlFlow::Continue(()),
            ControlFlow::Break(value) => {
                self.ended = Some(value);
                ControlFlow::Break(())
            }
        }
    }
}

/// The hooks of a visitor trait, behind a trait object.
macro_rules! erase {
    ($visitor:ident, $hooks:ident, $erased:ident, $($reference:tt)+) => {
        erase!(@ $visitor, $hooks, $erased, ($($reference)+),
            pre_visit_statement Statement, post_visit_statement Statement,
            pre_visit_query Query, post_visit_query Query,
            pre_visit_select Select, post_visit_select Select,
            pre_visit_relation ObjectName, post_visit_relation ObjectName,
            pre_visit_table_factor TableFactor, post_visit_table_factor TableFactor,
            pre_visit_expr Expr, post_visit_expr Expr,
            pre_visit_value ValueWithSpan, post_visit_value ValueWithSpan);
    };
    (@ $visitor:ident, $hooks:ident, $erased:ident, $reference:tt, $($hook:ident $node:ident),+) => {
        trait $hooks {
            $(erase!(@declare $hook $reference $node);)+
        }

        impl<V: $visitor> $hooks for Holder<'_, V, V::Break> {
            $(erase!(@keep $hook $reference $node);)+
        }

        struct $erased<'a>(&'a mut dyn $hooks);

        impl $visitor for $erased<'_> {
            type Break = ();

            $(erase!(@forward $hook $reference $node);)+
        }
    };
    (@declare $hook:ident ($($reference:tt)+) $node:ident) => {
        fn $hook(&mut self, node: $($reference)+ $node) -> ControlFlow<()>;
    };
    (@keep $hook:ident ($($reference:tt)+) $node:ident) => {
        fn $hook(&mut self, node: $($reference)+ $node) -> ControlFlow<()> {
            let flow = self.visitor.$hook(node);
            self.keep(flow)
        }
    };
    (@forward $hook:ident ($($reference:tt)+) $node:ident) => {
        fn $hook(&mut self, node: $($reference)+ $node) -> ControlFlow<()> {
            self.0.$hook(node)
        }
    };
}

erase!(Visitor, Hooks, Erased, &);
erase!(VisitorMut, HooksMut, ErasedMut, &mut);

#[cfg(test)]
mod tests {
    use sqlparser::dialect::GenericDialect;
    use sqlparser::parser::Parser;

    use super::*;

    struct FirstNumber;

    impl Visitor for FirstNumber {
        type Break = String;

        fn pre_visit_value(&mut self, value: &ValueWithSpan) -> ControlFlow<String> {
            ControlFlow::Break(value.to_string())
        }
    }

    struct Rename;

    impl VisitorMut for Rename {
        type Break = ();

        fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<()> {
            if let Expr::Identifier(name) = expr {
                name.value.make_ascii_uppercase();
            }
            ControlFlow::Continue(())
        }
    }

    #[test]
    fn what_a_visitor_ends_with_comes_back() {
        let statements = Parser::parse_sql(&GenericDialect, "SELECT a, 7, 8 FROM t").unwrap();
        assert_eq!(visit(&statements, &mut FirstNumber), ControlFlow::Break("7".to_string()));
    }

    #[test]
    fn changes_are_made() {
        let mut statements = Parser::parse_sql(&GenericDialect, "SELECT a + b FROM t").unwrap();
        assert_eq!(visit_mut(&mut statements, &mut Rename), ControlFlow::Continue(()));
        assert_eq!(statements[0].to_string(), "SELECT A + B FROM t");
    }
}
