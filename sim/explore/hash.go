package explore

import "math/bits"

// Odd constants with about as many ones as zeros: the fractional parts of the
// square roots of 2, 3, 5, 7 and 11, made odd.
const (
	mix0 = 0x6a09e667f3bcc909
	mix1 = 0xbb67ae8584caa73b
	mix2 = 0x3c6ef372fe94f82b
	mix3 = 0xa54ff53a5f1d36f1
	mix4 = 0x510e527fade682d1
)

// hash spreads the first words of a state over 64 bits. Multiplication to 128
// bits and folding the halves mixes every bit of both factors at the price of
// a few cycles; packed states differ in few bits, so that less would cluster.
func hash(s *State, words int) uint64 {
	h := fold(s[0]^mix0, s[1]^mix1)
	if words > 2 {
		h ^= fold(s[2]^mix2, s[3]^mix3)
	}
	return fold(h^mix2, mix4)
}

func fold(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	return hi ^ lo
}
