/** NVIDIA's libcufile: I/O between files and registered GPU memory. */
@org.jspecify.annotations.NullMarked
package io.lmcache.backend.gds.cufile;
