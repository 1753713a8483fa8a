//! Aggregates.

mod approximate;
mod collect_set;
mod histogram;
mod percentile;
mod summary;
mod totals;

use datafusion::functions_aggregate::stddev::stddev_pop_udaf;
use datafusion::functions_aggregate::variance::var_pop_udaf;

use crate::functions::entry::{Entry, Help};

pub(crate) fn entries() -> Vec<Entry> {
    let mut entries = percentile::entries();
    entries.extend(approximate::entries());
    entries.extend(totals::entries());
    entries.extend(collect_set::entries());
    entries.extend(of_populations());
    entries.extend(theirs());
    entries
}

/// What DataFusion calls `stddev` and `var` is of a sample; Hive's `stddev` and `variance` are of the population.
fn of_populations() -> Vec<Entry> {
    vec![
        Entry::aggregate(
            stddev_pop_udaf().as_ref().clone().with_aliases(["stddev", "std"]),
            Help {
                name: "stddev_pop",
                syntax: "stddev_pop(number)",
                line: "The standard deviation of the population; stddev and std are the same.",
                example: "SELECT stddev_pop(x), stddev(x), std(x) FROM (VALUES (1), (3)) AS t(x)",
                gives: "1.0,1.0,1.0",
            },
        ),
        Entry::aggregate(
            var_pop_udaf().as_ref().clone().with_aliases(["variance"]),
            Help {
                name: "var_pop",
                syntax: "var_pop(number)",
                line: "The variance of the population; variance is the same.",
                example: "SELECT var_pop(x), variance(x) FROM (VALUES (1), (3)) AS t(x)",
                gives: "1.0,1.0",
            },
        ),
    ]
}

fn theirs() -> Vec<Entry> {
    vec![
        Entry::known(Help {
            name: "stddev_samp",
            syntax: "stddev_samp(number)",
            line: "The standard deviation of a sample; NULL of one number.",
            example: "SELECT stddev_samp(x), stddev_samp(CASE WHEN x = 1 THEN x END) FROM (VALUES (1), (3), (5)) AS t(x)",
            gives: "2.0,NULL",
        }),
        Entry::known(Help {
            name: "var_samp",
            syntax: "var_samp(number)",
            line: "The variance of a sample; NULL of one number.",
            example: "SELECT var_samp(x) FROM (VALUES (1), (3), (5)) AS t(x)",
            gives: "4.0",
        }),
        Entry::known(Help {
            name: "collect_list",
            syntax: "collect_list(value)",
            line: "The values as an array, without NULLs.",
            example: "SELECT collect_list(x), collect_list(y) FROM (VALUES (1, NULL), (NULL, NULL), (1, NULL)) AS t(x, y)",
            gives: "[1, 1],[]",
        }),
        Entry::known(Help {
            name: "corr",
            syntax: "corr(a, b)",
            line: "Pearson's coefficient of correlation.",
            example: "SELECT corr(a, b) FROM (VALUES (1, 2), (2, 4), (3, 6)) AS t(a, b)",
            gives: "1.0",
        }),
        Entry::known(Help {
            name: "covar_pop",
            syntax: "covar_pop(a, b)",
            line: "The covariance of the population.",
            example: "SELECT covar_pop(a, b) FROM (VALUES (1, 2), (3, 6)) AS t(a, b)",
            gives: "2.0",
        }),
        Entry::known(Help {
            name: "covar_samp",
            syntax: "covar_samp(a, b)",
            line: "The covariance of a sample; NULL of one pair.",
            example: "SELECT covar_samp(a, b) FROM (VALUES (1, 2), (3, 6)) AS t(a, b)",
            gives: "4.0",
        }),
        Entry::known(Help {
            name: "regr_slope",
            syntax: "regr_slope(y, x)",
            line: "The slope of the line that fits the points best.",
            example: "SELECT regr_slope(y, x) FROM (VALUES (2, 1), (4, 2)) AS t(y, x)",
            gives: "2.0",
        }),
        Entry::known(Help {
            name: "regr_intercept",
            syntax: "regr_intercept(y, x)",
            line: "Where that line crosses the axis.",
            example: "SELECT regr_intercept(y, x) FROM (VALUES (3, 1), (5, 2)) AS t(y, x)",
            gives: "1.0",
        }),
        Entry::known(Help {
            name: "regr_count",
            syntax: "regr_count(y, x)",
            line: "The number of points of which neither part is NULL.",
            example: "SELECT regr_count(y, x) FROM (VALUES (3, 1), (5, NULL)) AS t(y, x)",
            gives: "1",
        }),
        Entry::known(Help {
            name: "regr_r2",
            syntax: "regr_r2(y, x)",
            line: "The part of the variance that the line explains.",
            example: "SELECT regr_r2(y, x) FROM (VALUES (2, 1), (4, 2)) AS t(y, x)",
            gives: "1.0",
        }),
        Entry::known(Help {
            name: "regr_avgx",
            syntax: "regr_avgx(y, x)",
            line: "The mean of x over the points.",
            example: "SELECT regr_avgx(y, x) FROM (VALUES (2, 1), (4, 2)) AS t(y, x)",
            gives: "1.5",
        }),
        Entry::known(Help {
            name: "regr_avgy",
            syntax: "regr_avgy(y, x)",
            line: "The mean of y over the points.",
            example: "SELECT regr_avgy(y, x) FROM (VALUES (2, 1), (4, 2)) AS t(y, x)",
            gives: "3.0",
        }),
        Entry::known(Help {
            name: "regr_sxx",
            syntax: "regr_sxx(y, x)",
            line: "The sum of squares of x about its mean.",
            example: "SELECT regr_sxx(y, x) FROM (VALUES (2, 1), (4, 3)) AS t(y, x)",
            gives: "2.0",
        }),
        Entry::known(Help {
            name: "regr_syy",
            syntax: "regr_syy(y, x)",
            line: "The sum of squares of y about its mean.",
            example: "SELECT regr_syy(y, x) FROM (VALUES (2, 1), (4, 3)) AS t(y, x)",
            gives: "2.0",
        }),
        Entry::known(Help {
            name: "regr_sxy",
            syntax: "regr_sxy(y, x)",
            line: "The sum of products of x and y about their means.",
            example: "SELECT regr_sxy(y, x) FROM (VALUES (2, 1), (4, 3)) AS t(y, x)",
            gives: "2.0",
        }),
    ]
}
