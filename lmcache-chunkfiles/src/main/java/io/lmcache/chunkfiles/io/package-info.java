/** What every backend on a chunk directory needs, whatever memory it serves: threads, open files, pieces of payload. */
@org.jspecify.annotations.NullMarked
package io.lmcache.chunkfiles.io;
