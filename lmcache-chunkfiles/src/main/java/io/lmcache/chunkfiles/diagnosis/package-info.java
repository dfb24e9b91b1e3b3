/** What a chunk directory's place is made of, and how fast it is: for the diagnoses of the backends on files. */
@org.jspecify.annotations.NullMarked
package io.lmcache.chunkfiles.diagnosis;
