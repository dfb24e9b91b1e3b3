/** A storage backend as a third party would write it; docs/backends.md explains it. */
@org.jspecify.annotations.NullMarked
package com.example.scratch;
