/** What the modules promise about each other. */
@org.jspecify.annotations.NullMarked
package io.lmcache.architecture;
