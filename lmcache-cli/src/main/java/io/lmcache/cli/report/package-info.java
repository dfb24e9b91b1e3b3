/** Reports as one page that needs nothing else: figures by uPlot, tables, and the numbers they show. */
@org.jspecify.annotations.NullMarked
package io.lmcache.cli.report;
