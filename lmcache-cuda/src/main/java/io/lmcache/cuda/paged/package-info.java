/** An engine's paged KV cache, in GPU or host memory, as a source and a sink of chunks. */
@NullMarked
package io.lmcache.cuda.paged;

import org.jspecify.annotations.NullMarked;
