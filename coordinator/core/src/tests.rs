mod lost;
mod random;
mod rules;
mod world;
