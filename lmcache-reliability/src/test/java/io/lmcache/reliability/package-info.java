/** What is tried against the whole. */
@NullMarked
package io.lmcache.reliability;

import org.jspecify.annotations.NullMarked;
