// The compiler looks for a package's index at its top.
export * from "./assembly";
