/** The backend on chunk files, whatever memory their payload moves to and from. */
@NullMarked
package io.lmcache.chunkfiles;

import org.jspecify.annotations.NullMarked;
