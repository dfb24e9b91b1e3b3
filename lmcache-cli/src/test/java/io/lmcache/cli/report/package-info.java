@org.jspecify.annotations.NullMarked
package io.lmcache.cli.report;
